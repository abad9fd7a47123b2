package report

// Number is how the page writes a figure.
var Number = number
