package pool

// Environment finds variables in the order of their precedence: the script's
// own (k6's -e), the process's, and those of the .env file in dir.
func Environment(script map[string]string, process Lookup, dir string) (Lookup, error) {
	return func(name string) (string, bool) {
		if v := script[name]; v != "" {
			return v, true
		}
		if process == nil {
			return "", false
		}
		v, ok := process(name)
		return v, ok && v != ""
	}, nil
}
