package workload

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// expression is a parsed expression of pgbench.
type expression interface {
	eval(e *environment) (value, error)
}

type (
	constant  struct{ value value }
	reference struct{ name string }
	unary     struct {
		operator string
		operand  expression
	}
	binary struct {
		operator    string
		left, right expression
	}
	isTest struct {
		operand expression
		what    value // null, true or false
		not     bool
	}
	caseOf struct {
		arms      []caseArm
		otherwise expression // nil is null
	}
	caseArm  struct{ condition, result expression }
	funcCall struct {
		function  function
		name      string
		arguments []expression
	}
)

// parseExpression gives the expression and the variables that it uses.
func parseExpression(text string) (expression, []string, error) {
	all, err := lex(text)
	if err != nil {
		return nil, nil, err
	}
	p := &expressionParser{tokens: all}
	parsed, err := p.operators(0)
	if err != nil {
		return nil, nil, err
	}
	if rest := p.peek(); rest.kind != tokenEnd {
		return nil, nil, fmt.Errorf("found %v after the expression", rest)
	}
	return parsed, p.used, nil
}

type expressionParser struct {
	tokens []token
	at     int
	depth  int
	used   []string
}

func (p *expressionParser) peek() token { return p.tokens[p.at] }

func (p *expressionParser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// accept takes the next token if it is this name or sign.
func (p *expressionParser) accept(text string) bool {
	t := p.peek()
	if (t.kind == tokenName || t.kind == tokenSign) && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *expressionParser) expect(text string) error {
	if p.accept(text) {
		return nil
	}
	return fmt.Errorf("found %v in place of %s", p.peek(), text)
}

// Precedences of pgbench's operators, from the loosest.
const (
	bindsOr = iota + 1
	bindsAnd
	bindsNot
	bindsIs
	bindsCompare
	bindsBits
	bindsAdd
	bindsMultiply
	bindsUnary
)

var precedences = map[string]int{
	"or": bindsOr, "and": bindsAnd, "is": bindsIs, "isnull": bindsIs, "notnull": bindsIs,
	"<": bindsCompare, ">": bindsCompare, "=": bindsCompare, "<=": bindsCompare, ">=": bindsCompare, "<>": bindsCompare, "!=": bindsCompare,
	"|": bindsBits, "#": bindsBits, "&": bindsBits, "<<": bindsBits, ">>": bindsBits,
	"+": bindsAdd, "-": bindsAdd, "*": bindsMultiply, "/": bindsMultiply, "%": bindsMultiply,
}

var errDeep = errors.New("the expression is nested too deeply")

// operators parses an expression whose operators bind more tightly than limit.
func (p *expressionParser) operators(limit int) (expression, error) {
	const deepest = 200
	if p.depth++; p.depth > deepest {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	for err == nil {
		t := p.peek()
		binds := precedences[t.text]
		if t.kind == tokenNumber || t.kind == tokenVariable || t.kind == tokenEnd || binds == 0 || binds <= limit {
			return left, nil
		}
		p.at++
		if binds == bindsIs {
			left, err = p.is(t.text, left)
			continue
		}
		var right expression
		if right, err = p.operators(binds); err == nil {
			left = &binary{operator: t.text, left: left, right: right}
		}
	}
	return nil, err
}

// is parses what follows IS, ISNULL or NOTNULL.
func (p *expressionParser) is(word string, operand expression) (expression, error) {
	if word != "is" {
		return &isTest{operand: operand, not: word == "notnull"}, nil
	}
	test := &isTest{operand: operand, not: p.accept("not")}
	switch t := p.take(); t.text {
	case "null":
	case "true", "false":
		test.what = boolValue(t.text == "true")
	default:
		return nil, fmt.Errorf("found %v after IS; accepted: NULL, TRUE, FALSE", t)
	}
	return test, nil
}

func (p *expressionParser) operand() (expression, error) {
	t := p.take()
	switch t.kind {
	case tokenNumber:
		return number(t.text)
	case tokenVariable:
		p.used = append(p.used, t.text)
		return &reference{t.text}, nil
	case tokenName:
		return p.word(t.text)
	case tokenSign:
		return p.sign(t.text)
	default:
		return nil, errors.New("an expression is missing")
	}
}

// leastIntDigits are an int only with a sign right before them.
const leastIntDigits = "9223372036854775808"

func (p *expressionParser) sign(text string) (expression, error) {
	switch text {
	case "(":
		inside, err := p.operators(0)
		if err == nil {
			err = p.expect(")")
		}
		return inside, err
	case "-":
		if next := p.peek(); next.kind == tokenNumber && next.text == leastIntDigits {
			p.at++
			return &constant{intValue(math.MinInt64)}, nil
		}
		fallthrough
	case "+":
		operand, err := p.operators(bindsUnary)
		return &unary{text, operand}, err
	case "~": // in pgbench it binds as the bit operators do
		operand, err := p.operators(bindsBits)
		return &unary{text, operand}, err
	}
	return nil, fmt.Errorf("found %s in place of a value", text)
}

func (p *expressionParser) word(name string) (expression, error) {
	switch name {
	case "true", "false":
		return &constant{boolValue(name == "true")}, nil
	case "null":
		return &constant{}, nil
	case "not":
		operand, err := p.operators(bindsNot - 1)
		return &unary{name, operand}, err
	case "case":
		return p.caseOf()
	}
	return p.call(name)
}

func (p *expressionParser) caseOf() (expression, error) {
	var all caseOf
	for p.accept("when") {
		condition, err := p.operators(0)
		if err == nil {
			err = p.expect("then")
		}
		if err != nil {
			return nil, err
		}
		result, err := p.operators(0)
		if err != nil {
			return nil, err
		}
		all.arms = append(all.arms, caseArm{condition, result})
	}
	if len(all.arms) == 0 {
		return nil, fmt.Errorf("found %v after CASE in place of WHEN", p.peek())
	}
	if p.accept("else") {
		var err error
		if all.otherwise, err = p.operators(0); err != nil {
			return nil, err
		}
	}
	return &all, p.expect("end")
}

func (p *expressionParser) call(name string) (expression, error) {
	f, known := functions[name]
	if !known {
		return nil, fmt.Errorf("unknown function %s; accepted: %s", short(name), functionNames())
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	call := &funcCall{function: f, name: name}
	for !p.accept(")") {
		if len(call.arguments) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		argument, err := p.operators(0)
		if err != nil {
			return nil, err
		}
		call.arguments = append(call.arguments, argument)
	}
	if n := len(call.arguments); n < f.least || n > f.most {
		return nil, fmt.Errorf("%s takes %s, found %d", name, f.takes(), n)
	}
	return call, nil
}

// number is an int if it is written without a point or exponent and fits, else a double.
func number(text string) (expression, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return &constant{intValue(i)}, nil
	}
	d, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(d, 0) {
		return nil, fmt.Errorf("%s is not a number that fits", short(text))
	}
	for _, c := range text {
		if c == '.' || c == 'e' || c == 'E' {
			return &constant{doubleValue(d)}, nil
		}
	}
	return nil, fmt.Errorf("%s does not fit an int of 64 bits", short(text))
}
