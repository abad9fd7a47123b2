package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compareCommits builds k6 at two commits, each in a work tree of its own, and
// runs every case of the one against the same case of the other.
func compareCommits(ctx context.Context, j job, before, after string) error {
	dirs := [2]string{}
	for i, commit := range []string{before, after} {
		dirs[i] = filepath.Join(j.dir, [2]string{"before", "after"}[i])
		if err := buildCommit(ctx, commit, dirs[i]); err != nil {
			return err
		}
	}
	r := newReport(j.settings)
	for _, users := range j.users {
		for _, c := range cases(false) {
			if !c.counted || !strings.Contains(c.name, j.only) {
				continue
			}
			l, err := pairs(ctx, j.settings, users, subject{c, dirs[1]}, subject{c, dirs[0]})
			if err != nil {
				return err
			}
			r.Lines = append(r.Lines, l)
		}
	}
	fmt.Printf("%s against %s. %s\n\n%s\n%s\n", after, before, r.about(), r.table(), answer(r.Lines))
	return nil
}

// buildCommit builds a commit's k6 without touching the working copy; "." is
// the working copy itself.
func buildCommit(ctx context.Context, commit, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a directory for %s: %w", commit, err)
	}
	tree := "."
	if commit != "." {
		tree = dir + "-source"
		if err := git(ctx, "worktree", "add", "--detach", "--quiet", tree, commit); err != nil {
			return err
		}
		defer git(context.WithoutCancel(ctx), "worktree", "remove", "--force", tree) //nolint:errcheck // below a temporary directory
	}
	return build(ctx, tree, dir, target{"k6", ".", "./cmd/k6"})
}

func git(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "git", args...).CombinedOutput(); err != nil { // #nosec G204 -- a developer's own arguments
		return fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// least is the smallest change of CPU per query that is worth a word.
const least = 0.02

// answer is one line: whether the newer commit is better, the same or worse. A
// case counts where all of its rounds agree on the direction and the median
// differs by at least 2 %. With five rounds and nothing changed, a case's
// rounds agree in one direction by chance in 3 % (2⁻⁵), and share what was taken off
// for the process's start, so that a single case of many is named but decides nothing
// alone, nor do two while all cases together differ by less than 1 %.
func answer(lines []line) string {
	var better, worse []string
	sum := 0.0
	for _, l := range lines {
		e := l.cpu()
		sum += math.Log(e.median)
		switch {
		case e.high < 1 && e.median <= 1-least:
			better = append(better, l.Case)
		case e.low > 1 && e.median >= 1+least:
			worse = append(worse, l.Case)
		}
	}
	mean := math.Exp(sum / float64(len(lines)))
	verdict := "same"
	switch {
	case len(worse) > 1 && mean >= 1+least/2, len(worse) > 0 && len(lines) == 1:
		verdict = "worse"
	case len(better) > 1 && mean <= 1-least/2, len(better) > 0 && len(lines) == 1:
		verdict = "better"
	}
	return fmt.Sprintf("%s: client CPU per query %.3f× (geometric mean of %d); lower in every round: %s; higher in every round: %s",
		verdict, mean, len(lines), named(better), named(worse))
}

func named(cases []string) string {
	if len(cases) == 0 {
		return "none"
	}
	return strings.Join(cases, ", ")
}
