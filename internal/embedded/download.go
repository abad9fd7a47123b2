package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// downloadVersion is what the library's repository offers last.
const downloadVersion = embeddedpostgres.V18

// obtain finds an installed PostgreSQL, else one that was downloaded before, else downloads one.
func obtain(ctx context.Context, cfg Config, as account, look places) (installation, error) {
	found, err := locate(ctx, cfg, as, look)
	if !errors.Is(err, errNoLocal) {
		return found, err
	}
	found, err = downloaded(ctx, cfg, as)
	if err != nil {
		if ctx.Err() != nil {
			return installation{}, fmt.Errorf("download PostgreSQL: %w", context.Cause(ctx))
		}
		return installation{}, &NotFoundError{Err: err}
	}
	return found, nil
}

// downloaded is the PostgreSQL in the cache folder, fetched where it is not there yet.
func downloaded(ctx context.Context, cfg Config, as account) (installation, error) {
	cache, err := cacheDir(cfg, as)
	if err != nil {
		return installation{}, err
	}
	home := filepath.Join(cache, fmt.Sprintf("postgresql-%s-%s-%s", downloadVersion, runtime.GOOS, runtime.GOARCH))
	if found, err := inspect(ctx, as, filepath.Join(home, "bin")); err == nil {
		return found, nil
	}
	cfg.Notify(fmt.Sprintf("no PostgreSQL is installed, downloading PostgreSQL %s (about 10 MB) to %s", downloadVersion, home))
	err = during(cfg.Notify, "download PostgreSQL "+string(downloadVersion), func() error {
		return abandonable(ctx, func() error { return download(cache, home, cfg.RepositoryURL) })
	})
	if err != nil {
		return installation{}, fmt.Errorf("the download failed: %w", err)
	}
	return inspect(ctx, as, filepath.Join(home, "bin"))
}

// cacheDir makes the folder for downloads. Root's own is out of reach for the account that will run what is in it.
func cacheDir(cfg Config, as account) (string, error) {
	dir := cfg.CacheDir
	switch {
	case dir != "":
	case as.drop:
		dir = "/var/cache/xk6-pgxpool"
	default:
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("there is no folder to download to: %w", err)
		}
		dir = filepath.Join(user, "xk6-pgxpool")
	}
	return dir, os.MkdirAll(dir, 0o755) // #nosec G301 -- programs, which everybody may run
}

// abandonable returns at the context's end. The library cannot be interrupted: its download goes on in the
// background until it is complete or the network fails, and is of use to the next run.
func abandonable(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// download fetches and unpacks into a folder of its own and moves the result to home in one step,
// as several processes may be at it: the first one wins.
func download(cache, home, repository string) error {
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return err
	}
	fetchErr := fetch(work, filepath.Join(work, "unpacked"), repository)
	if fetchErr == nil {
		fetchErr = moveTo(home, filepath.Join(work, "unpacked"))
	}
	return join(fetchErr, os.RemoveAll(work))
}

func moveTo(home, unpacked string) error {
	err := os.Rename(unpacked, home)
	if err != nil && complete(filepath.Join(home, "bin")) == nil {
		return nil // another process was first
	}
	return err
}

// fetch uses the embedded-postgres library up to where it has unpacked the binaries. It has no call for just that:
// its Start goes on to initialise a data directory and to run the server, which it cannot do as root, nor in a session
// of its own. A data directory that ends in a dot is one that os.RemoveAll, its next step, refuses. So an error is
// expected, and what counts is whether the programs are there.
func fetch(work, unpacked, repository string) error {
	port, err := choosePort(context.Background(), 0) // it wants a free one before anything else
	if err != nil {
		return err
	}
	config := embeddedpostgres.DefaultConfig().
		Version(downloadVersion).
		Port(uint32(port)). // #nosec G115 -- a port
		CachePath(filepath.Join(work, "archive")).
		BinariesPath(unpacked).
		RuntimePath(filepath.Join(work, "runtime")).
		DataPath(filepath.Join(work, "data") + "/.").
		Logger(io.Discard)
	if repository != "" {
		config = config.BinaryRepositoryURL(repository)
	}
	defer http.DefaultClient.CloseIdleConnections() // the library's, not needed again
	server := embeddedpostgres.NewDatabase(config)
	startErr := server.Start()
	if startErr == nil {
		return server.Stop()
	}
	if complete(filepath.Join(unpacked, "bin")) != nil {
		return startErr
	}
	return nil
}
