package report_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/report"
)

func TestTimesOfTheAxis(t *testing.T) {
	for want, value := range map[string]float64{"0:07": 7, "1:30": 90, "2:05:00": 7500, "0:00.25": 0.25, "1:00": 59.9999} {
		require.Equal(t, want, report.Clock(value))
	}
}

func TestTicksAreRoundAndReachTheValues(t *testing.T) {
	for _, test := range []struct {
		low, high float64
		most      int
		want      []string
	}{
		{0, 47, 5, []string{"0", "10", "20", "30", "40", "50"}},
		{0, 0.23, 5, []string{"0", "0.05", "0.1", "0.15", "0.2", "0.25"}},
		{0, 0, 5, []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}},
		{-3, 7, 5, []string{"-4", "-2", "0", "2", "4", "6", "8"}},
		{0, 3000, 5, []string{"0", "1000", "2000", "3000"}},
	} {
		require.Equal(t, test.want, report.ValueTicks(test.low, test.high, test.most))
	}
	require.Equal(t, []string{"0:00", "0:30", "1:00", "1:30", "2:00"}, report.ClockTicks(0, 120, 5))
	require.Equal(t, []string{"0:00", "6:00:00", "12:00:00", "18:00:00"}, report.ClockTicks(0, 86000, 5))
	for _, test := range []struct {
		from, to float64
		most     int
		want     []string
	}{
		{1, 100, 12, []string{"1", "2", "5", "10", "20", "50", "100"}},
		{2, 6000, 4, []string{"10", "100", "1000"}},
		{5, 12, 12, []string{"5", "6", "8", "10"}},
		{13.5, 24, 4, []string{"15", "20"}},
		{16, 19, 4, []string{"16", "17", "18", "19"}},
		{7, 7, 12, []string{"7", "7.2", "7.4", "7.6"}},
	} {
		require.Equal(t, test.want, report.LogTicks(test.from, test.to, test.most))
	}
	const day = 86400
	require.Equal(t, []string{"0:00", "48:00:00", "96:00:00"}, report.ClockTicks(0, 5*day, 3), "whole days")
}
