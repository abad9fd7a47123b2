// Package workflows tests what runs elsewhere: GitHub's workflows, the image and
// the release. Their shell steps run here as they stand in the files; what needs
// GitHub, a container engine or a registry is checked as far as it can be read.
package workflows
