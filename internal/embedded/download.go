package embedded

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ulikunitz/xz"
)

const (
	downloadVersion = "16.15.0"
	mavenCentral    = "https://repo1.maven.org/maven2"
	largestDownload = 128 << 20 // bytes; the archives have about 15 MB
)

// archive is a build of PostgreSQL by the project zonkyio/embedded-postgres-binaries.
type archive struct{ platform, digest string }

// archives are those whose SHA-256 is known, by GOOS/GOARCH. Maven Central publishes only SHA-1 and MD5 of them.
var archives = map[string]archive{
	"linux/amd64":  {"linux-amd64", "653abc065c682b85d3da50168fb95dc524bd85426cdec9ce3695a550ef431df2"},
	"linux/arm64":  {"linux-arm64v8", "f846a9989d686b7977d6eca9bc9d8b2b69e3f70c7eb60e032197d9c574a6136c"},
	"darwin/amd64": {"darwin-amd64", "1229188b99515d2160d5cb6222bc96d9c5f3a248268df3bc2dfe0047e6c233d8"},
	"darwin/arm64": {"darwin-arm64v8", "65b953905f0a4d46030767a6b44a52360170d69a7985f1b02aa435f2f6256a83"},
}

// obtain finds an installed PostgreSQL, else one that was downloaded before, else downloads one.
func obtain(ctx context.Context, cfg Config, as account) (installation, error) {
	found, err := locate(ctx, cfg, as)
	if !errors.Is(err, errNoLocal) {
		return found, err
	}
	found, err = downloaded(ctx, cfg, as)
	if err != nil {
		if ctx.Err() != nil {
			return installation{}, fmt.Errorf("download PostgreSQL: %w", context.Cause(ctx))
		}
		return installation{}, fmt.Errorf("no PostgreSQL to start: install a package (apt-get install postgresql, brew install postgresql), "+
			"or set DATABASE_URL to a running server, or set PG_BIN to the folder with initdb and postgres (%w)", err)
	}
	return found, nil
}

// downloaded is the PostgreSQL in the cache folder, downloaded if it is not there yet.
func downloaded(ctx context.Context, cfg Config, as account) (installation, error) {
	cache, err := cacheDir(cfg, as)
	if err != nil {
		return installation{}, err
	}
	wanted, err := archiveFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return installation{}, err
	}
	wanted.digest = cmp.Or(cfg.digest, wanted.digest)
	home := filepath.Join(cache, "postgresql-"+downloadVersion+"-"+wanted.digest)
	if found, err := inspect(ctx, as, filepath.Join(home, "bin")); err == nil {
		return found, nil
	}
	cfg.Notify(fmt.Sprintf("no PostgreSQL is installed, downloading PostgreSQL %s (about 15 MB) to %s", downloadVersion, home))
	err = during(cfg.Notify, "download PostgreSQL "+downloadVersion, func() error {
		return wanted.download(ctx, cache, home, cmp.Or(cfg.repository, mavenCentral))
	})
	if err != nil {
		return installation{}, fmt.Errorf("the download failed: %w", err)
	}
	return inspect(ctx, as, filepath.Join(home, "bin"))
}

// archiveFor refuses platforms for which no digest is known.
func archiveFor(system, architecture string) (archive, error) {
	wanted, known := archives[system+"/"+architecture]
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		system, known = system+" with musl", false
	}
	if !known {
		return archive{}, fmt.Errorf("there is no download whose digest is known for %s on %s", system, architecture)
	}
	return wanted, nil
}

// cacheDir makes the folder for downloads. The account that runs them cannot read root's own folder.
func cacheDir(cfg Config, as account) (string, error) {
	dir := cfg.cacheDir
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
	return dir, os.MkdirAll(dir, 0o755) // #nosec G301 -- programs, which every user may run
}

// download unpacks into a folder of its own and moves the result to home in one step,
// since several processes may download at the same time: the first one wins.
func (a archive) download(ctx context.Context, cache, home, repository string) error {
	jar, err := a.fetch(ctx, repository)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return err
	}
	err = os.Chmod(work, 0o755) // #nosec G302 -- programs, which every user may run
	if err == nil {
		err = unpack(jar, work)
	}
	if err == nil {
		err = moveTo(home, work)
	}
	return join(err, os.RemoveAll(work))
}

func moveTo(home, unpacked string) error {
	err := os.Rename(unpacked, home)
	if err != nil && complete(filepath.Join(home, "bin")) == nil {
		return nil // another process was first
	}
	return err
}

// fetch gets the archive and refuses one that does not have the digest.
func (a archive) fetch(ctx context.Context, repository string) ([]byte, error) {
	name := "embedded-postgres-binaries-" + a.platform
	url := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%[2]s-%[3]s.jar", repository, name, downloadVersion)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer http.DefaultClient.CloseIdleConnections() // not needed again
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP %s", url, response.Status)
	}
	jar, err := io.ReadAll(io.LimitReader(response.Body, largestDownload))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if sum := sha256.Sum256(jar); hex.EncodeToString(sum[:]) != a.digest {
		return nil, fmt.Errorf("%s has the SHA-256 %x; expected %s", url, sum, a.digest)
	}
	return jar, nil
}

// unpack writes the .txz file in the jar to dir.
func unpack(jar []byte, dir string) error {
	files, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return err
	}
	for _, file := range files.File {
		if path.Ext(file.Name) != ".txz" {
			continue
		}
		packed, err := file.Open()
		if err != nil {
			return err
		}
		return join(unpackTar(packed, dir), packed.Close())
	}
	return errors.New("the archive has no .txz file")
}

func unpackTar(packed io.Reader, dir string) error {
	unpacked, err := xz.NewReader(packed)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // nothing is written outside of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for entries := tar.NewReader(unpacked); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = writeEntry(root, entry, entries)
		}
		if err != nil {
			return err
		}
	}
}

func writeEntry(root *os.Root, entry *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+entry.Name), "/")
	if err := root.MkdirAll(cmp.Or(path.Dir(name), "."), 0o755); err != nil {
		return err
	}
	switch entry.Typeflag {
	case tar.TypeSymlink:
		return root.Symlink(entry.Linkname, name)
	case tar.TypeReg:
		file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, entry.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content) // #nosec G110 -- of a known digest
		return join(err, file.Close())
	default:
		return nil
	}
}
