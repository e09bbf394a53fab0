//! Trend rules: the median of the last days, against a figure or against what was usual for the patient before.

use serde::Deserialize;
use toml::Spanned;

use super::{Amount, BadRules, Text};
use crate::model::alarm::{Priority, Response, Side};
use crate::model::ids::RuleId;
use crate::model::instance::Instance;
use crate::model::signal::{Signal, SignalId, SignalTable};
use crate::model::time::Span;
use crate::model::unit::Unit;

/// How a signal goes over days.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendRule {
    /// Its name.
    pub id: RuleId,
    /// Over which signal.
    pub signal: SignalId,
    /// The signal's name on the wire.
    pub signal_name: String,
    /// The signal's words for people.
    pub label: String,
    /// Only of these instances of it; none for all.
    pub instances: Vec<String>,
    /// The signal's own unit, in which it is judged.
    pub unit: Unit,
    /// The median of what was measured in so long is looked at.
    pub over: Span,
    /// Of so many values at least.
    pub at_least: usize,
    /// What it is held against.
    pub against: Against,
    /// Which way is beyond.
    pub side: Side,
    /// Back inside means so far inside, in `unit`.
    pub hysteresis: f64,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// What to do.
    pub advice: Option<String>,
}

/// What the median of the last days is held against, in the unit of the signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Against {
    /// A figure.
    Figure(f64),
    /// The patient's own median before.
    Usual {
        /// So much of it counts, before the days that are looked at.
        before: Span,
        /// Of so many values at least.
        at_least: usize,
        /// Beyond it by how much.
        by: By,
    },
}

/// A difference to what is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum By {
    /// So much.
    Amount(f64),
    /// Such a share of it.
    Share(f64),
}

impl TrendRule {
    /// How far back values count.
    pub fn horizon(&self) -> Span {
        match self.against {
            Against::Figure(_) => self.over,
            Against::Usual { before, .. } => self.over + before,
        }
    }

    /// Whether it follows an instance of its signal.
    pub fn follows(&self, instance: &Instance) -> bool {
        self.instances.is_empty() || self.instances.iter().any(|one| one == instance.as_str())
    }

    /// The limit, where this is usual.
    pub fn limit(&self, usual: Option<f64>) -> Option<f64> {
        let by = match self.against {
            Against::Figure(figure) => return Some(figure),
            Against::Usual { by: By::Amount(amount), .. } => amount,
            Against::Usual { by: By::Share(share), .. } => usual?.abs() * share,
        };
        Some(match self.side {
            Side::Low => usual? - by,
            Side::High => usual? + by,
        })
    }

    /// Whether a median is beyond a limit.
    pub fn is_beyond(&self, median: f64, limit: f64) -> bool {
        match self.side {
            Side::Low => median < limit,
            Side::High => median > limit,
        }
    }

    /// Whether a median is back inside a limit, by the hysteresis.
    pub fn is_inside(&self, median: f64, limit: f64) -> bool {
        match self.side {
            Side::Low => median >= limit + self.hysteresis,
            Side::High => median <= limit - self.hysteresis,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    signal: Spanned<String>,
    #[serde(default)]
    instances: Vec<String>,
    over: Spanned<Span>,
    at_least: Spanned<usize>,
    baseline: Option<Spanned<Span>>,
    baseline_at_least: Option<Spanned<usize>>,
    above: Option<Spanned<Amount>>,
    below: Option<Spanned<Amount>>,
    rise: Option<Spanned<Amount>>,
    fall: Option<Spanned<Amount>>,
    rise_share: Option<Spanned<f64>>,
    fall_share: Option<Spanned<f64>>,
    hysteresis: Spanned<Amount>,
    priority: Priority,
    response: Response,
    #[serde(default)]
    advice: Option<String>,
}

/// The longest that values are remembered for the sake of trends: half a year.
const LONGEST: Span = Span::days(183);

impl Entry {
    pub(super) fn rule(self, text: Text<'_>, signals: &SignalTable) -> Result<TrendRule, BadRules> {
        let signal = text.signal(&self.signal, signals)?;
        let Some(unit) = signal.unit else {
            let what = format!("{} has no numbers to follow", signal.name);
            return Err(text.refuse(&self.signal, what));
        };
        let (side, against) = self.against(text, signal)?;
        let hysteresis = difference(text, signal, &self.hysteresis)?;
        let rule = TrendRule {
            signal: signal.id,
            signal_name: signal.name.clone(),
            label: signal.label.clone(),
            instances: self.instances.clone(),
            unit,
            over: positive(text, &self.over)?,
            at_least: some(text, &self.at_least)?,
            against,
            side,
            hysteresis,
            priority: self.priority,
            response: self.response,
            advice: self.advice,
            id: self.id.get_ref().clone(),
        };
        if rule.horizon() > LONGEST {
            let what = "a trend goes back half a year (4392h) at most".to_owned();
            return Err(text.refuse(self.baseline.as_ref().unwrap_or(&self.over), what));
        }
        Ok(rule)
    }

    /// What it is held against: exactly one of six.
    fn against(&self, text: Text<'_>, signal: &Signal) -> Result<(Side, Against), BadRules> {
        let figures = [(Side::High, &self.above), (Side::Low, &self.below)];
        let amounts = [(Side::High, &self.rise), (Side::Low, &self.fall)];
        let shares = [(Side::High, &self.rise_share), (Side::Low, &self.fall_share)];
        let mut found = Vec::new();
        for (side, figure) in figures {
            if let Some(figure) = figure {
                found.push((side, Against::Figure(figure_of(text, signal, figure)?)));
            }
        }
        for (side, amount) in amounts {
            if let Some(amount) = amount {
                let by = By::Amount(difference(text, signal, amount)?);
                found.push((side, self.usual(text, by)?));
            }
        }
        for (side, share) in shares {
            if let Some(share) = share {
                if !(*share.get_ref() > 0.0 && *share.get_ref() <= 10.0) {
                    let what = "a share of what is usual, such as 0.3, is above 0 and 10 at most";
                    return Err(text.refuse(share, what.to_owned()));
                }
                found.push((side, self.usual(text, By::Share(*share.get_ref()))?));
            }
        }
        match found[..] {
            [one] if matches!(one.1, Against::Usual { .. }) || self.baseline.is_none() => Ok(one),
            [_] => Err(text.refuse(
                &self.id,
                "`baseline` belongs to rise, fall, rise_share or fall_share".to_owned(),
            )),
            _ => Err(text.refuse(
                &self.id,
                "write one of above, below, rise, fall, rise_share, fall_share".to_owned(),
            )),
        }
    }

    fn usual(&self, text: Text<'_>, by: By) -> Result<Against, BadRules> {
        let (Some(before), Some(at_least)) = (&self.baseline, &self.baseline_at_least) else {
            let what = "what is usual needs `baseline` and `baseline_at_least`".to_owned();
            return Err(text.refuse(&self.id, what));
        };
        let (before, at_least) = (positive(text, before)?, some(text, at_least)?);
        Ok(Against::Usual { before, at_least, by })
    }
}

fn positive(text: Text<'_>, span: &Spanned<Span>) -> Result<Span, BadRules> {
    if *span.get_ref() > Span::ZERO {
        return Ok(*span.get_ref());
    }
    Err(text.refuse(span, "write a span above zero, such as `168h`".to_owned()))
}

fn some(text: Text<'_>, count: &Spanned<usize>) -> Result<usize, BadRules> {
    if *count.get_ref() > 0 {
        return Ok(*count.get_ref());
    }
    Err(text.refuse(count, "a median needs one value at least".to_owned()))
}

/// An amount in the unit of its signal.
fn figure_of(text: Text<'_>, signal: &Signal, amount: &Spanned<Amount>) -> Result<f64, BadRules> {
    let Amount { value, unit } = *amount.get_ref();
    let converted = signal.unit.and_then(|own| unit.convert(value, own));
    converted.ok_or_else(|| {
        let own = signal.unit.map(|unit| unit.to_string()).unwrap_or_default();
        let what = format!("{unit} does not fit {}, which is measured in {own}", signal.name);
        text.refuse(amount, what)
    })
}

/// A difference in the unit of its signal; above zero.
fn difference(text: Text<'_>, signal: &Signal, amount: &Spanned<Amount>) -> Result<f64, BadRules> {
    let whole = figure_of(text, signal, amount)?;
    let unit = amount.get_ref().unit;
    let zero = signal.unit.and_then(|own| unit.convert(0.0, own)).unwrap_or(0.0);
    if whole - zero > 0.0 {
        return Ok(whole - zero);
    }
    Err(text.refuse(amount, "a difference is above zero".to_owned()))
}
