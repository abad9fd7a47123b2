package workload

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	largestScript = 1 << 20 // bytes
	deepestIf     = 100
	commandNames  = `\set, \sleep, \if, \elif, \else, \endif`
)

// automatic are the variables that pgbench sets itself.
var automatic = []string{"client_id", "default_seed", "random_seed", "scale"}

// parse reads a script. name is what errors and tags call it.
func parse(name, text string, weight int) (*script, error) {
	p := &parser{name: name, script: &script{name: name, weight: weight}, known: slices.Clone(automatic)}
	start := position{name, 1}
	switch {
	case len(text) > largestScript:
		return nil, start.errorf("the file has %d bytes; accepted: at most %d", len(text), largestScript)
	case !utf8.ValidString(text):
		return nil, start.errorf("the file is not UTF-8 text")
	case strings.ContainsRune(text, 0):
		return nil, start.errorf("the file has a zero byte: it is not text")
	}
	p.open = []*block{{commands: &p.script.commands}}
	if err := p.read(strings.TrimPrefix(text, "\ufeff")); err != nil {
		return nil, err
	}
	if len(p.script.statements()) == 0 {
		return nil, start.errorf("no SQL statement was found")
	}
	return p.script, nil
}

// parser holds the commands that are open while a file is read.
type parser struct {
	name   string
	script *script
	known  []string // variables that are set above
	open   []*block // the file itself, and each \if around the present line
}

// block is where commands go: the file, or an arm of an \if.
type block struct {
	commands *[]command
	branch   *branch // nil for the file
	hasElse  bool
}

func (p *parser) add(c command) {
	to := p.open[len(p.open)-1].commands
	*to = append(*to, c)
}

// read takes the text apart into statements and backslash commands.
func (p *parser) read(text string) error {
	s := &scanner{text: text, line: 1}
	for {
		part, err := s.next(p.name)
		if err != nil {
			return err
		}
		where := position{p.name, part.line}
		switch part.kind {
		case partEnd:
			if last := p.open[len(p.open)-1]; last.branch != nil {
				return last.branch.where.errorf(`\if without \endif`)
			}
			return nil
		case partStatement:
			err = p.statement(part.text, where)
		case partCommand:
			err = p.meta(part.text, where)
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) statement(sql string, where position) error {
	st, err := newStatement(sql, where, p.known)
	if err != nil {
		return err
	}
	p.script.scaled = p.script.scaled || slices.Contains(st.variables, "scale")
	p.add(st)
	return nil
}

// meta reads a backslash command without its backslash. People write comments after commands, which pgbench refuses;
// what it takes, such as 1 --1, has its meaning.
func (p *parser) meta(text string, where position) error {
	err := p.command(text, where)
	if comment := strings.Index(text, " --"); err != nil && comment > 0 {
		return p.command(text[:comment], where)
	}
	return err
}

func (p *parser) command(text string, where position) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	name, rest = strings.TrimSpace(name), strings.TrimSpace(rest)
	switch strings.ToLower(name) {
	case "set":
		return p.set(rest, where)
	case "sleep":
		return p.sleep(rest, where)
	case "if":
		return p.beginIf(rest, where)
	case "elif":
		return p.elif(rest, where)
	case "else":
		return p.otherwise(rest, where)
	case "endif":
		return p.endIf(rest, where)
	case "gset", "aset", "shell", "setshell", "startpipeline", "endpipeline", "syncpipeline":
		return where.errorf(`\%s is not supported; accepted: %s`, name, commandNames)
	}
	return where.errorf(`unknown command \%s; accepted: %s`, short(name), commandNames)
}

var variableName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`)

func (p *parser) set(text string, where position) error {
	name, rest, _ := strings.Cut(text, " ")
	if !variableName.MatchString(name) {
		return where.errorf(`\set %s: accepted: a name of letters, digits and _, and an expression`, short(name))
	}
	if strings.TrimSpace(rest) == "?" {
		return where.errorf(`\set %s ?: fill in the parameter that was recorded, such as random(1, 1000)`, name)
	}
	value, err := p.expression(`\set `+name, rest, where)
	if err != nil {
		return err
	}
	p.add(&assignment{name: name, value: value, where: where})
	if !slices.Contains(p.known, name) {
		p.known = append(p.known, name)
	}
	return nil
}

// expression parses text, and refuses variables that nothing has set.
func (p *parser) expression(of, text string, where position) (expression, error) {
	value, used, err := parseExpression(text)
	if err != nil {
		return nil, where.errorf("%s: %s", of, err)
	}
	for _, name := range used {
		if !slices.Contains(p.known, name) {
			return nil, where.errorf("%s: variable :%s is not set above", of, name)
		}
		p.script.scaled = p.script.scaled || name == "scale"
	}
	return value, nil
}

var units = map[string]time.Duration{"": time.Second, "s": time.Second, "ms": time.Millisecond, "us": time.Microsecond}

var sleepArguments = regexp.MustCompile(`^(?:(\d+)|(:[\p{L}\p{N}_]+)(?:\s|$))\s*((?i)us|ms|s)?$`)

// sleep reads a number or a variable, and a unit.
func (p *parser) sleep(text string, where position) error {
	found := sleepArguments.FindStringSubmatch(text)
	if found == nil {
		return where.errorf(`\sleep %s: accepted: an integer or a variable, and us, ms or s`, short(text))
	}
	length, err := p.expression(`\sleep`, found[1]+found[2], where)
	if err != nil {
		return err
	}
	p.add(&pause{length: length, unit: units[strings.ToLower(found[3])], where: where})
	return nil
}

func (p *parser) beginIf(text string, where position) error {
	if len(p.open) > deepestIf {
		return where.errorf(`more than %d \if inside each other`, deepestIf)
	}
	condition, err := p.expression(`\if`, text, where)
	if err != nil {
		return err
	}
	b := &branch{where: where}
	p.add(b)
	p.open = append(p.open, &block{branch: b})
	p.arm(condition, where)
	return nil
}

// arm opens the next arm of the innermost \if.
func (p *parser) arm(condition expression, where position) {
	in := p.open[len(p.open)-1]
	in.branch.arms = append(in.branch.arms, arm{condition: condition, where: where})
	in.commands = &in.branch.arms[len(in.branch.arms)-1].commands
}

// innermost is the \if that a command belongs to.
func (p *parser) innermost(name string, where position) (*block, error) {
	in := p.open[len(p.open)-1]
	if in.branch == nil {
		return nil, where.errorf(`\%s without \if`, name)
	}
	if in.hasElse && name != "endif" {
		return nil, where.errorf(`\%s after \else`, name)
	}
	return in, nil
}

func (p *parser) elif(text string, where position) error {
	if _, err := p.innermost("elif", where); err != nil {
		return err
	}
	condition, err := p.expression(`\elif`, text, where)
	if err != nil {
		return err
	}
	p.arm(condition, where)
	return nil
}

func (p *parser) otherwise(text string, where position) error {
	in, err := p.innermost("else", where)
	if err != nil {
		return err
	}
	if text != "" {
		return where.errorf(`\else takes nothing, found %s`, short(text))
	}
	p.arm(constant(true), where)
	in.hasElse = true
	return nil
}

func (p *parser) endIf(text string, where position) error {
	if _, err := p.innermost("endif", where); err != nil {
		return err
	}
	if text != "" {
		return where.errorf(`\endif takes nothing, found %s`, short(text))
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}

// short quotes a piece of a script for a message.
func short(text string) string {
	const most = 40 // runes
	runes := []rune(text)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
