package upstream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/js/common"
)

// typeName asks k6 for the name that it gives to the number of an event.
func typeName(t *testing.T, number int64) string {
	t.Helper()
	subscribe, found := reflect.TypeFor[common.Events]().Field(0).Type.MethodByName("Subscribe")
	require.True(t, found, "k6 has no way left to subscribe to its events")
	event := reflect.New(subscribe.Type.In(0).Elem()).Elem()
	event.SetUint(uint64(number)) // #nosec G115 -- a small constant
	return fmt.Sprint(event.Interface())
}

func TestTheNumbersOfEventsAreThoseOfK6(t *testing.T) {
	for number, name := range map[int64]string{eventTestEnd: "TestEnd", eventIterStart: "IterStart", eventIterEnd: "IterEnd", eventExit: "Exit"} {
		require.Equal(t, name, typeName(t, number))
	}
}

// What k6 derives its contexts with embeds the parent, in Go's own packages.
func TestTheParentOfAContextCanBeSeen(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancelCause(t.Context())
	iteration, end := context.WithCancel(parent)
	limited, endLimited := context.WithTimeout(parent, 1<<40)
	value := context.WithValue(parent, key{}, 1)
	for name, ctx := range map[string]context.Context{"cancel": iteration, "timeout": limited, "value": value} {
		require.NotNil(t, parentOf(ctx), name)
		require.False(t, WasCutOff(ctx), name)
	}
	end()
	endLimited()
	require.False(t, WasCutOff(iteration), "its own end is none of k6's")
	cancel(errors.New("cut off"))
	for name, ctx := range map[string]context.Context{"cancel": iteration, "timeout": limited, "value": value} {
		require.True(t, WasCutOff(ctx), name)
	}
	require.False(t, WasCutOff(context.Background()))
}
