package embedded

import "context"

func obtain(ctx context.Context, cfg Config, look places) (installation, error) {
	return locate(ctx, cfg, look)
}
