// Package text is how everything is written that a person reads: numbers with
// their units, tables, wrapped lines, Markdown, and values from outside made
// safe to show. It knows nothing of pools and databases.
package text
