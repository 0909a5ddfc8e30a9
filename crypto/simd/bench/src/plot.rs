// SPDX-License-Identifier: GPL-2.0
//! Two kinds of plots as SVG: curves over message lengths on logarithmic axes, and bars in groups.
//!
//! Colours are told apart by readers who see few of them; ours are drawn thick, the others thin.
use std::fmt::Write as _;

/// One line or one colour of bars.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Drawn thick.
    pub ours: bool,
    /// Its points, or a value for each group of bars (x is then the group's index).
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 52.0;

const COLOURS: [&str; 8] = [
    "#888888", "#e69f00", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#222222",
];

fn begin(title: &str) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    text(&mut out, WIDTH / 2.0, 24.0, "middle", title);
    out
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>"
    );
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn legend(out: &mut String, series: &[Series]) {
    for (i, series) in series.iter().enumerate() {
        let y = TOP + 20.0 * i as f64 + 8.0;
        let x = WIDTH - RIGHT + 14.0;
        let colour = COLOURS[i % COLOURS.len()];
        let thick = if series.ours { 6 } else { 2 };
        let _ = writeln!(
            out,
            "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"{thick}\"/>",
            x + 22.0
        );
        text(out, x + 28.0, y + 4.0, "start", &series.name);
    }
}

/// The smallest and the largest of some numbers.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), x| {
        (low.min(x), high.max(x))
    })
}

/// Curves on logarithmic axes; the labels below are the first series' own x.
#[must_use]
pub fn curves(title: &str, unit: &str, series: &[Series]) -> String {
    let all = || series.iter().flat_map(|s| s.points.iter());
    let (x0, x1) = range(all().map(|p| p.0));
    let (y0, y1) = range(all().map(|p| p.1));
    let (y0, y1) = (y0.log2().floor(), y1.log2().ceil());
    let x = |v: f64| {
        let part = (v.log2() - x0.log2()) / (x1.log2() - x0.log2());
        LEFT + part * (WIDTH - LEFT - RIGHT)
    };
    let y = |v: f64| {
        let part = (v.log2() - y0) / (y1 - y0);
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    };

    let mut out = begin(title);
    let mut tick = y0;
    while tick <= y1 {
        let at = y(tick.exp2());
        line(&mut out, (LEFT, at), (WIDTH - RIGHT, at), "#dddddd");
        text(
            &mut out,
            LEFT - 6.0,
            at + 4.0,
            "end",
            &format!("{}", tick.exp2()),
        );
        tick += 1.0;
    }
    for (v, _) in series.first().iter().flat_map(|s| s.points.iter()) {
        line(&mut out, (x(*v), TOP), (x(*v), HEIGHT - BOTTOM), "#eeeeee");
        text(
            &mut out,
            x(*v),
            HEIGHT - BOTTOM + 18.0,
            "middle",
            &format!("{v}"),
        );
    }
    let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
    text(
        &mut out,
        middle,
        HEIGHT - 12.0,
        "middle",
        "bytes in a message",
    );
    text(&mut out, LEFT, TOP - 8.0, "start", unit);
    for (i, series) in series.iter().enumerate() {
        let points: Vec<String> = series
            .points
            .iter()
            .map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" points=\"{}\"/>",
            COLOURS[i % COLOURS.len()],
            if series.ours { 3.0 } else { 1.2 },
            points.join(" ")
        );
    }
    legend(&mut out, series);
    out.push_str("</svg>\n");
    out
}

/// Bars in groups, from zero.
#[must_use]
pub fn bars(title: &str, unit: &str, groups: &[String], series: &[Series]) -> String {
    let (_, most) = range(series.iter().flat_map(|s| s.points.iter().map(|p| p.1)));
    // A round number of steps that are themselves round.
    let step = {
        let rough = most / 6.0;
        let ten = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * ten);
        steps
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough)
    };
    let top = (most / step).ceil() * step;
    let y = |v: f64| HEIGHT - BOTTOM - v / top * (HEIGHT - TOP - BOTTOM);

    let mut out = begin(title);
    let mut tick = 0.0;
    while tick <= top * 1.001 {
        line(
            &mut out,
            (LEFT, y(tick)),
            (WIDTH - RIGHT, y(tick)),
            "#dddddd",
        );
        let label = format!("{}", (tick * 1000.0).round() / 1000.0);
        text(&mut out, LEFT - 6.0, y(tick) + 4.0, "end", &label);
        tick += step;
    }
    text(&mut out, LEFT, TOP - 8.0, "start", unit);
    let room = (WIDTH - LEFT - RIGHT) / groups.len() as f64;
    let width = room * 0.8 / series.len() as f64;
    for (g, group) in groups.iter().enumerate() {
        let at = LEFT + room * g as f64;
        text(
            &mut out,
            at + room / 2.0,
            HEIGHT - BOTTOM + 18.0,
            "middle",
            group,
        );
        for (i, series) in series.iter().enumerate() {
            let Some((_, value)) = series.points.iter().find(|p| p.0 == g as f64) else {
                continue;
            };
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                at + room * 0.1 + width * i as f64,
                y(*value),
                width * 0.9,
                HEIGHT - BOTTOM - y(*value),
                COLOURS[i % COLOURS.len()]
            );
        }
    }
    legend(&mut out, series);
    out.push_str("</svg>\n");
    out
}
