// Package js is the JavaScript module k6/x/pgxpool.
package js

import "go.k6.io/k6/v2/js/modules"

// RootModule is the one instance per process.
type RootModule struct{}

// New makes the root module.
func New() *RootModule { return &RootModule{} }

// NewModuleInstance implements modules.Module.
func (*RootModule) NewModuleInstance(modules.VU) modules.Instance { return &instance{} }

type instance struct{}

// Exports implements modules.Instance.
func (*instance) Exports() modules.Exports { return modules.Exports{} }
