package report

import (
	"fmt"
	"html/template"
	"strings"
)

// Markdown is the report for people, in GitHub's dialect.
func Markdown(r Record) string {
	p := lay(r)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", cell(p.Title), cell(p.Lead))
	for _, s := range p.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", cell(s.Title))
		if s.Head == nil {
			for _, row := range s.Rows {
				fmt.Fprintf(&b, "- %s\n", cell(row[0]))
			}
			continue
		}
		writeRow(&b, s.Head)
		for i := range s.Head {
			if i >= s.Number {
				b.WriteString("|---:")
			} else {
				b.WriteString("|---")
			}
		}
		b.WriteString("|\n")
		for _, row := range s.Rows {
			writeRow(&b, row)
		}
	}
	return b.String()
}

func writeRow(b *strings.Builder, row []string) {
	for _, value := range row {
		b.WriteString("| " + cell(value) + " ")
	}
	b.WriteString("|\n")
}

// cell keeps a value, which may come from a cluster, inside its cell.
func cell(s string) string {
	return strings.NewReplacer("\r", "", "\n", " ", "|", `\|`, "<", "&lt;").Replace(s)
}

// HTML is the report as one page without anything to load.
func HTML(r Record) (string, error) {
	var b strings.Builder
	if err := html.Execute(&b, lay(r)); err != nil {
		return "", fmt.Errorf("report of %s: %w", r.WorkflowID, err)
	}
	return b.String(), nil
}

// html is parsed once and never changed.
var html = template.Must(template.New("report").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p><strong>{{.Lead}}</strong></p>
{{- range $s := .Sections}}
<h2>{{$s.Title}}</h2>
{{- if $s.Head}}
<table>
<tr>{{range $i, $h := $s.Head}}<th{{if ge $i $s.Number}} class="number"{{end}}>{{$h}}</th>{{end}}</tr>
{{- range $s.Rows}}
<tr>{{range $i, $v := .}}<td{{if ge $i $s.Number}} class="number"{{end}}>{{$v}}</td>{{end}}</tr>
{{- end}}
</table>
{{- else}}
<ul>
{{- range $s.Rows}}
<li>{{index . 0}}</li>
{{- end}}
</ul>
{{- end}}
{{- end}}
</body>
</html>
`))
