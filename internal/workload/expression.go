package workload

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// expression is a parsed expression of pgbench.
type expression func(e *environment) (value, error)

// environment is what an expression sees: the variables, and the source of random numbers.
type environment struct {
	variables map[string]value
	random    *rand.Rand
}

func (e *environment) variable(name string) (value, error) {
	v, ok := e.variables[name]
	if !ok { // it is set in an arm of an \if that did not run
		return nil, fmt.Errorf("variable :%s is not set", name)
	}
	return v, nil
}

// parseExpression gives the expression and the variables that it uses.
func parseExpression(text string) (expression, []string, error) {
	all, err := lex(text)
	if err != nil {
		return nil, nil, err
	}
	p := &expressionParser{tokens: all}
	parsed, err := p.expression(0)
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

var errDeep = errors.New("the expression is nested too deeply")

// expression parses one whose operators bind more tightly than limit.
func (p *expressionParser) expression(limit int) (expression, error) {
	const deepest = 200
	if p.depth++; p.depth > deepest {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	for err == nil {
		t := p.peek()
		operator := operators[t.text]
		if t.kind == tokenNumber || t.kind == tokenVariable || t.kind == tokenEnd || operator.binds <= limit {
			return left, nil
		}
		p.at++
		if operator.binds == bindsIs {
			left, err = p.is(t.text, left)
			continue
		}
		var right expression
		if right, err = p.expression(operator.binds); err == nil {
			left = operator.on(left, right)
		}
	}
	return nil, err
}

// is parses what follows IS, ISNULL or NOTNULL.
func (p *expressionParser) is(word string, operand expression) (expression, error) {
	if word != "is" {
		return is(operand, nil, word == "notnull"), nil
	}
	negated := p.accept("not")
	switch t := p.take(); t.text {
	case "null":
		return is(operand, nil, negated), nil
	case "true", "false":
		return is(operand, t.text == "true", negated), nil
	default:
		return nil, fmt.Errorf("found %v after IS; accepted: NULL, TRUE, FALSE", t)
	}
}

func (p *expressionParser) operand() (expression, error) {
	t := p.take()
	switch t.kind {
	case tokenNumber:
		return number(t.text)
	case tokenVariable:
		p.used = append(p.used, t.text)
		return func(e *environment) (value, error) { return e.variable(t.text) }, nil
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
		inside, err := p.expression(0)
		if err == nil {
			err = p.expect(")")
		}
		return inside, err
	case "-":
		if next := p.peek(); next.kind == tokenNumber && next.text == leastIntDigits {
			p.at++
			return constant(int64(math.MinInt64)), nil
		}
		fallthrough
	case "+":
		operand, err := p.expression(bindsUnary)
		return operators[text].on(constant(int64(0)), operand), err
	case "~": // in pgbench it binds as the bit operators do
		operand, err := p.expression(bindsBits)
		return operators["#"].on(constant(int64(-1)), operand), err
	}
	return nil, fmt.Errorf("found %s in place of a value", text)
}

func (p *expressionParser) word(name string) (expression, error) {
	switch name {
	case "true", "false":
		return constant(name == "true"), nil
	case "null":
		return constant(nil), nil
	case "not":
		operand, err := p.expression(bindsNot - 1)
		return not(operand), err
	case "case":
		return p.caseOf()
	}
	return p.call(name)
}

func (p *expressionParser) caseOf() (expression, error) {
	var arms []caseArm
	for p.accept("when") {
		condition, err := p.expression(0)
		if err == nil {
			err = p.expect("then")
		}
		if err != nil {
			return nil, err
		}
		result, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		arms = append(arms, caseArm{condition, result})
	}
	if len(arms) == 0 {
		return nil, fmt.Errorf("found %v after CASE in place of WHEN", p.peek())
	}
	otherwise := constant(nil)
	if p.accept("else") {
		var err error
		if otherwise, err = p.expression(0); err != nil {
			return nil, err
		}
	}
	return firstOf(append(arms, caseArm{constant(true), otherwise})), p.expect("end")
}

func (p *expressionParser) call(name string) (expression, error) {
	f, known := functions[name]
	if !known {
		return nil, fmt.Errorf("unknown function %s; accepted: %s", short(name), functionNames())
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var arguments []expression
	for !p.accept(")") {
		if len(arguments) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		argument, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		arguments = append(arguments, argument)
	}
	if n := len(arguments); n < f.least || n > f.most {
		return nil, fmt.Errorf("%s takes %s, found %d", name, f.takes(), n)
	}
	return f.on(name, arguments), nil
}

// number is an int if it is written without a point or exponent and fits, else a double.
func number(text string) (expression, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return constant(i), nil
	}
	d, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(d, 0) {
		return nil, fmt.Errorf("%s is not a number that fits", short(text))
	}
	if !strings.ContainsAny(text, ".eE") {
		return nil, fmt.Errorf("%s does not fit an int of 64 bits", short(text))
	}
	return constant(d), nil
}
