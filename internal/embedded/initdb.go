package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

const superuser = "postgres"

// newPassword needs no escaping in a URL or a file.
func newPassword() string {
	const size = 16 // bytes: 128 bits
	secret := make([]byte, size)
	_, _ = rand.Read(secret) // documented to never fail
	return hex.EncodeToString(secret)
}

// initialise makes the data directory. The password goes through a file, as arguments are visible to everybody.
func (s *Server) initialise(ctx context.Context) error {
	passwordFile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := s.as.own(passwordFile); err != nil {
		return err
	}
	initdb, err := s.launch("initdb",
		"--pgdata="+s.DataDir(),
		"--username="+superuser,
		"--pwfile="+passwordFile,
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--locale=C",
		"--no-sync",
		"--no-instructions",
	)
	if err != nil {
		return err
	}
	if err := initdb.finish(ctx); err != nil {
		return err
	}
	if err := os.Remove(passwordFile); err != nil {
		return fmt.Errorf("remove the password file: %w", err)
	}
	return nil
}
