//go:build unix

package main_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// testRun is k6-operator's k6.io/v1alpha1 TestRun, as much of it as the
// manifest uses. Fields that it does not have are refused.
type testRun struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Parallelism int
		Script      struct {
			LocalFile string `yaml:"localFile"`
		}
		Args      []string
		Arguments string // of operators before 1.6, which have no Args
		Runner    pod
		// Without it k6-operator uses Runner.
		Initializer *pod
		Starter     pod
	}
}

type pod struct {
	Image string
	// A string in k6-operator.
	AutomountServiceAccountToken string `yaml:"automountServiceAccountToken"`
	Env                          []envVar
	Volumes                      []volume
	VolumeMounts                 []volumeMount `yaml:"volumeMounts"`
	Resources                    struct{ Requests, Limits map[string]string }
	SecurityContext              struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		RunAsUser      int                   `yaml:"runAsUser"`
		RunAsGroup     int                   `yaml:"runAsGroup"`
		FSGroup        int                   `yaml:"fsGroup"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	ContainerSecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"containerSecurityContext"`
}

type envVar struct {
	Name, Value string
	ValueFrom   struct {
		SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		FieldRef     struct {
			FieldPath string `yaml:"fieldPath"`
		} `yaml:"fieldRef"`
	} `yaml:"valueFrom"`
}

type volume struct {
	Name                  string
	PersistentVolumeClaim struct {
		ClaimName string `yaml:"claimName"`
	} `yaml:"persistentVolumeClaim"`
	EmptyDir *struct {
		SizeLimit string `yaml:"sizeLimit"`
	} `yaml:"emptyDir"`
}

type volumeMount struct {
	Name        string
	MountPath   string `yaml:"mountPath"`
	SubPathExpr string `yaml:"subPathExpr"`
}

type volumeClaim struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		AccessModes []string `yaml:"accessModes"`
		Resources   struct{ Requests map[string]string }
	}
}

func readManifest(t *testing.T) (claim volumeClaim, run testRun, text string) {
	t.Helper()
	content := projectFile(t, "deploy", "kubernetes", "testrun.yaml")
	decoder := yaml.NewDecoder(strings.NewReader(content))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&claim))
	require.NoError(t, decoder.Decode(&run))
	return claim, run, content
}

func projectFile(t *testing.T, name ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{k6test.Root(t)}, name...)...))
	require.NoError(t, err)
	return string(content)
}

func TestTheManifestFitsTheImage(t *testing.T) {
	claim, run, _ := readManifest(t)
	require.Equal(t, "v1 PersistentVolumeClaim", claim.APIVersion+" "+claim.Kind)
	require.Equal(t, "k6.io/v1alpha1 TestRun", run.APIVersion+" "+run.Kind)
	dockerfile := projectFile(t, "deploy", "Dockerfile")
	home := regexp.MustCompile(`(?m)^WORKDIR (/home/\S+)$`).FindStringSubmatch(dockerfile)
	user := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindStringSubmatch(dockerfile)
	require.NotNil(t, home)
	require.NotNil(t, user)

	runner := run.Spec.Runner
	require.NotEmpty(t, runner.Image)
	require.Equal(t, path.Join(home[1], "results"), runner.VolumeMounts[0].MountPath, "where k6 writes results/")
	require.Equal(t, runner.Volumes[0].Name, runner.VolumeMounts[0].Name)
	require.Equal(t, claim.Metadata.Name, runner.Volumes[0].PersistentVolumeClaim.ClaimName)
	require.Equal(t, []string{"ReadWriteMany"}, claim.Spec.AccessModes, "the runners are on several nodes")
	uid, err := strconv.Atoi(user[1])
	require.NoError(t, err)
	require.Equal(t, uid, runner.SecurityContext.RunAsUser)
	require.Equal(t, user[2], strconv.Itoa(runner.SecurityContext.FSGroup), "who may write the results")
	require.True(t, runner.SecurityContext.RunAsNonRoot)

	script, err := filepath.Rel(home[1], run.Spec.Script.LocalFile)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(k6test.Root(t), script))
	require.Contains(t, dockerfile, "cp -r scripts thresholds")
}

// Neither pod can write outside its volumes, nor has it a token of the cluster. k6-operator's initializer writes
// its archive and its log to /tmp.
func TestTheManifestsPodsAreConfined(t *testing.T) {
	_, run, _ := readManifest(t)
	runner, initializer := run.Spec.Runner, *run.Spec.Initializer
	for name, pod := range map[string]pod{"runner": runner, "initializer": initializer, "starter": run.Spec.Starter} {
		require.Equal(t, "false", pod.AutomountServiceAccountToken, name)
		require.True(t, pod.SecurityContext.RunAsNonRoot, name)
		require.False(t, *pod.ContainerSecurityContext.AllowPrivilegeEscalation, name)
		require.True(t, pod.ContainerSecurityContext.ReadOnlyRootFilesystem, name)
		require.Equal(t, []string{"ALL"}, pod.ContainerSecurityContext.Capabilities.Drop, name)
	}
	for name, pod := range map[string]pod{"runner": runner, "initializer": initializer} {
		require.Regexp(t, `:v\d+\.\d+\.\d+$|@sha256:`, pod.Image, name)
		at := slices.IndexFunc(pod.VolumeMounts, func(m volumeMount) bool { return m.MountPath == "/tmp" })
		require.GreaterOrEqual(t, at, 0, name)
		require.True(t, slices.ContainsFunc(pod.Volumes, func(v volume) bool {
			return v.Name == pod.VolumeMounts[at].Name && v.EmptyDir != nil
		}), name)
	}
}

// Operators before 1.6 get the same settings.
func TestTheManifestsArgumentsAreItsArgs(t *testing.T) {
	_, run, _ := readManifest(t)
	require.Equal(t, run.Spec.Args, strings.Fields(run.Spec.Arguments))
}

// The database's address comes from one Secret and is nowhere else.
func TestTheManifestHasNoSecret(t *testing.T) {
	_, run, text := readManifest(t)
	byName := make(map[string]envVar)
	for _, variable := range run.Spec.Runner.Env {
		byName[variable.Name] = variable
	}
	url := byName["DATABASE_URL"]
	require.Empty(t, url.Value)
	require.Equal(t, "DATABASE_URL", url.ValueFrom.SecretKeyRef.Key)
	create := "kubectl create secret generic " + url.ValueFrom.SecretKeyRef.Name + " --from-literal=DATABASE_URL="
	require.Contains(t, text, create)
	require.Contains(t, projectFile(t, "docs", "kubernetes.md"), create)
	require.NotContains(t, strings.Join(run.Spec.Args, " "), "DATABASE_URL")
	require.Equal(t, "$(RUNNER)", run.Spec.Runner.VolumeMounts[0].SubPathExpr)
	require.NotEmpty(t, byName["RUNNER"].ValueFrom.FieldRef.FieldPath)
}

// k6-operator passes the initializer's environment with -e, as an argument of
// its process and in the archive it makes.
func TestTheInitializerReadsTheScenarioAndNoSecret(t *testing.T) {
	_, run, _ := readManifest(t)
	initializer := run.Spec.Initializer
	require.NotNil(t, initializer, "it would be a copy of the runners")
	require.Empty(t, initializer.Env)
	require.Equal(t, run.Spec.Runner.Image, initializer.Image)
	require.Equal(t, run.Spec.Runner.SecurityContext, initializer.SecurityContext)
	require.Equal(t, run.Spec.Runner.ContainerSecurityContext, initializer.ContainerSecurityContext)
	archive := filepath.Join(t.TempDir(), "100users.js.archived.tar")
	script := filepath.Join(k6test.Root(t), "scripts", filepath.Base(run.Spec.Script.LocalFile))
	args := append([]string{"archive", script, "-O", archive}, run.Spec.Args...)
	r := k6test.K6(t, k6test.Run{Plain: true, Args: args})
	require.Zero(t, r.Code, r.Output())
	require.NotContains(t, r.Output(), "level=error")
	r = k6test.K6(t, k6test.Run{Plain: true, Args: []string{"inspect", "--execution-requirements", archive}})
	require.Zero(t, r.Code, r.Output())
	require.Contains(t, r.Stdout, `"maxVUs": 400`)
}

// Every runner starts with what k6-operator passes: the manifest's arguments
// and its segment, in k6-operator's notation.
func TestTheManifestsRunnersStart(t *testing.T) {
	_, run, _ := readManifest(t)
	n := run.Spec.Parallelism
	env := map[string]string{"DATABASE_URL": "postgres://" + freeAddress(t) + "/nowhere"}
	size := 0
	for _, variable := range run.Spec.Runner.Env {
		if variable.Value != "" {
			env[variable.Name] = variable.Value
		}
		if variable.Name == "DB_POOL_SIZE" {
			size, _ = strconv.Atoi(variable.Value)
		}
	}
	require.GreaterOrEqual(t, size, n, "a place for every runner")
	sequence := []string{"0"}
	for i := 1; i < n; i++ {
		sequence = append(sequence, strconv.Itoa(i)+"/"+strconv.Itoa(n))
	}
	sequence = append(sequence, "1")
	users := 0
	for i := range n {
		args := append([]string{"archive", "-O", filepath.Join(t.TempDir(), "archive.tar"),
			"--execution-segment=" + sequence[i] + ":" + sequence[i+1],
			"--execution-segment-sequence=" + strings.Join(sequence, ",")}, run.Spec.Args...)
		script := filepath.Join(k6test.Root(t), "scripts", filepath.Base(run.Spec.Script.LocalFile))
		r := k6test.K6(t, k6test.Run{Plain: true, Args: append(args, script), Env: env})
		require.Zero(t, r.Code, r.Output())
		r = k6test.K6(t, k6test.Run{Plain: true, Args: []string{"inspect", "--execution-requirements", args[2]}, Env: env})
		require.Zero(t, r.Code, r.Output())
		found := regexp.MustCompile(`"maxVUs": (\d+)`).FindStringSubmatch(r.Stdout)
		require.NotNil(t, found, r.Output())
		own, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		users += own
	}
	require.Contains(t, run.Spec.Args, "CONCURRENT="+strconv.Itoa(users), "together they are all users")
}

// A manifest with a field that k6-operator does not have is refused by the test,
// as a typing error would be.
func TestTheManifestsFieldsAreKnown(t *testing.T) {
	_, _, text := readManifest(t)
	second := text[strings.Index(text, "---")+3:]
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(strings.Replace(second, "parallelism:", "paralelism:", 1))))
	decoder.KnownFields(true)
	require.ErrorContains(t, decoder.Decode(&testRun{}), "paralelism")
}
