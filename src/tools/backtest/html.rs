//! The report as one page that needs no server, no network and no script.

use std::fmt::Write as _;

use super::report::{Listed, PlaceRow, Report, RuleRow};
use super::table::{change, rate};

/// Rules drawn; the table below the chart has all.
const DRAWN: usize = 20;
/// Of the chart, in its own units.
const WIDTH: f64 = 860.0;
const NAMES: f64 = 300.0;
const FIGURES: f64 = 60.0;
const ROW: f64 = 34.0;
const BAR: f64 = 12.0;

const STYLE: &str = "
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --old: #6e7781; --new: #0969da; --worse: #b3261e; --better: #1a6b2f; --shade: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3; --soft: #9198a1;
  --line: #3d444d; --old: #9198a1; --new: #58a6ff; --worse: #ff9a91; --better: #7ee787; --shade: #151b23; } }
body { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.soft, caption, figcaption { color: var(--soft); text-align: left; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { padding: .3rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: right; vertical-align: top; }
th[scope=row], td.text, th.text { text-align: left; font-weight: normal; }
th.part { padding-left: 2rem; } .short { white-space: nowrap; }
thead th { background: var(--shade); font-weight: 600; }
td.worse { color: var(--worse); font-weight: 600; } td.better { color: var(--better); font-weight: 600; }
.wide { overflow-x: auto; } .wide:focus-visible { outline: 2px solid var(--new); }
svg { max-width: 100%; height: auto; } svg text { fill: var(--text); font: 13px system-ui, sans-serif; }
.old { fill: var(--old); } .new { fill: var(--new); } figure { margin: 0; }
@media print { body { margin: 0; max-width: none; } }
";

impl Report {
    /// The report as one HTML file.
    pub fn html(&self) -> String {
        let mut out = String::new();
        // Nothing can fail: it is a string that grows.
        self.page(&mut out).map(|()| out).unwrap_or_default()
    }

    fn page(&self, out: &mut String) -> std::fmt::Result {
        let title = "Backtest of alarm rules";
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        )?;
        writeln!(
            out,
            "<p>New: <strong>{}</strong>, against old: <strong>{}</strong>.</p>\n<p>{}.</p>\n\
             <p class=\"soft\">Research software, not a medical device. What people would have been told of recorded patients, \
             judged again by the same core.</p>",
            escaped(&self.new.rules),
            escaped(&self.old.rules),
            escaped(&self.covered_line())
        )?;
        self.sums(out)?;
        self.chart(out)?;
        self.rule_table(out)?;
        places(out, "By bed", "announcements per patient-day", &self.beds)?;
        places(out, "By shift", "announcements per patient and shift of 8 hours", &self.shifts)?;
        self.differences_table(out)?;
        writeln!(out, "<h2>What could not be known</h2>\n<ul>")?;
        for words in &self.unknown {
            writeln!(out, "<li>{}</li>", escaped(words))?;
        }
        writeln!(out, "</ul>\n</main>\n</body>\n</html>")
    }

    fn sums(&self, out: &mut String) -> std::fmt::Result {
        head(out, "Over everything", "figures of both sets of rules", &["figure", "old", "new"])?;
        for (name, [old, new]) in self.lines() {
            let class = if name.starts_with(' ') { " class=\"part\"" } else { "" };
            let name = name.trim_start();
            writeln!(
                out,
                "<tr><th scope=\"row\"{class}>{name}</th><td>{old}</td><td>{new}</td></tr>"
            )?;
        }
        tail(out)
    }

    fn chart(&self, out: &mut String) -> std::fmt::Result {
        let rows = &self.rules[..self.rules.len().min(DRAWN)];
        if rows.is_empty() {
            return Ok(());
        }
        let of = |row: &RuleRow| [row.old.per_patient_day, row.new.per_patient_day];
        let most = rows.iter().flat_map(of).flatten().fold(0.0, f64::max);
        let scale = if most > 0.0 { (WIDTH - NAMES - FIGURES) / most } else { 0.0 };
        let height = rows.len() as f64 * ROW + 30.0;
        writeln!(
            out,
            "<h2>Announcements per patient-day by rule</h2>\n<figure>\n<svg viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" aria-labelledby=\"chart-title chart-text\">\n<title id=\"chart-title\">Announcements per patient-day \
             by rule, old and new</title>\n<desc id=\"chart-text\">Two bars a rule; the table below has the same figures.</desc>"
        )?;
        for (class, word, x) in [("old", "old", NAMES), ("new", "new", NAMES + 70.0)] {
            writeln!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"4\" width=\"{BAR}\" height=\"{BAR}\"/>\
                 <text x=\"{}\" y=\"15\">{word}</text>",
                x + BAR + 6.0
            )?;
        }
        for (number, row) in rows.iter().enumerate() {
            let y = number as f64 * ROW + 28.0;
            writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                NAMES - 8.0,
                y + BAR + 4.0,
                escaped(row.rule.as_str())
            )?;
            for (class, value, y) in [
                ("old", row.old.per_patient_day, y),
                ("new", row.new.per_patient_day, y + BAR + 2.0),
            ] {
                let width = value.unwrap_or_default() * scale;
                writeln!(
                    out,
                    "<rect class=\"{class}\" x=\"{NAMES}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\"/>\
                     <text x=\"{:.1}\" y=\"{}\">{}</text>",
                    NAMES + width + 6.0,
                    y + BAR - 1.0,
                    rate(value)
                )?;
            }
        }
        let left_out = self.rules.len() - rows.len();
        let more = match left_out {
            0 => String::new(),
            _ => format!(" {left_out} rules with fewer announcements are in the table only."),
        };
        writeln!(out, "</svg>\n<figcaption>Old above, new below.{more}</figcaption>\n</figure>")
    }

    fn rule_table(&self, out: &mut String) -> std::fmt::Result {
        let heads = ["rule", "old", "new", "change", "high", "medium", "low"];
        let caption = "announcements per patient-day, and by priority old → new";
        head(out, "By rule", caption, &heads)?;
        for row in &self.rules {
            let RuleRow { rule, old, new } = row;
            writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{} → {}</td><td>{} → {}</td><td>{} → {}</td></tr>",
                escaped(rule.as_str()),
                rate(old.per_patient_day),
                rate(new.per_patient_day),
                change(old.per_patient_day, new.per_patient_day),
                old.high,
                new.high,
                old.medium,
                new.medium,
                old.low,
                new.low
            )?;
        }
        tail(out)
    }

    fn differences_table(&self, out: &mut String) -> std::fmt::Result {
        let differences = &self.differences;
        let heads = ["how", "priority", "patient", "when", "what", "limit", "readings before"];
        head(out, "Differences", &differences.sentence(), &heads)?;
        for one in &differences.listed {
            row(out, one)?;
        }
        tail(out)?;
        if let Some(left_out) = differences.left_out_line() {
            writeln!(out, "<p>{}.</p>", escaped(&left_out))?;
        }
        Ok(())
    }
}

fn row(out: &mut String, one: &Listed) -> std::fmt::Result {
    let tone = if one.kind.is_worse() { "worse" } else { "better" };
    let by = one.by().map_or_else(String::new, |by| format!(", {by}"));
    let rules = match (&one.old_rule, &one.new_rule) {
        (Some(old), Some(new)) if old != new => format!("{old} → {new}"),
        (Some(rule), _) | (None, Some(rule)) => rule.to_string(),
        (None, None) => String::new(),
    };
    let readings: Vec<String> = one.trace_readings();
    writeln!(
        out,
        "<tr><td class=\"text short {tone}\">{}{by}</td><td class=\"text\">{}</td><td class=\"text\">{}</td><td class=\"text short\">{}</td>\
         <td class=\"text\">{}<br>{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td></tr>",
        one.kind.words(),
        one.priority.as_str(),
        escaped(one.patient.as_deref().unwrap_or("–")),
        one.when(),
        escaped(&one.about),
        escaped(&rules),
        escaped(&one.limits().unwrap_or_default()),
        escaped(&readings.join(", "))
    )
}

fn places(out: &mut String, title: &str, caption: &str, rows: &[PlaceRow]) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    head(out, title, caption, &["where", "old", "new", "change", "patient-days"])?;
    for row in rows {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td></tr>",
            escaped(row.name.as_deref().unwrap_or("in no bed")),
            rate(row.old_rate),
            rate(row.new_rate),
            change(row.old_rate, row.new_rate),
            row.patient_days
        )?;
    }
    tail(out)
}

fn head(out: &mut String, title: &str, caption: &str, heads: &[&str]) -> std::fmt::Result {
    writeln!(
        out,
        "<h2>{title}</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\n\
         <table>\n<caption>{}</caption>\n<thead><tr>",
        escaped(caption)
    )?;
    for (number, head) in heads.iter().enumerate() {
        let class = if number == 0 || heads.len() == 7 && title == "Differences" {
            " class=\"text\""
        } else {
            ""
        };
        write!(out, "<th scope=\"col\"{class}>{head}</th>")?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")
}

fn tail(out: &mut String) -> std::fmt::Result {
    writeln!(out, "</tbody>\n</table>\n</div>")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}
