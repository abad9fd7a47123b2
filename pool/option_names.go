package pool

func refuseUnknown(script map[string]any) *ConfigError {
	return nil
}
