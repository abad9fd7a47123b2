package pool

var urlOption = newOption("url", "DATABASE_URL", texts, func(c *Config) *string { return &c.URL },
	"postgres://user:password@host:port/database", func(string) bool { return true })

// RedactURL shows a connection string without its password.
func RedactURL(connection string) string {
	if connection == "" {
		return ""
	}
	return "postgres://***"
}
