//! Numbers of slides and outcomes of their patients → what the cohort tells of both: a table, a section of its report.
//!
//! Invariant: one observation is one patient; of several slides it has the mean. Nothing of a single patient is told but
//! what curves show.

use super::cohort::{definition, value};
use super::outcome_table::OutcomeTable;
use super::slide_tables::p_text;
use crate::error::Error;
use crate::evaluate::Figure;
use crate::evaluate::survival::{Association, MedianSplit, Outcomes};
use crate::export::{MapRecord, OutcomeRow};
use crate::measure::Readout;
use crate::report::{Captioned, Cell, Fact, Note, Part, Section, SurvivalPlot, Table, survival_plot};
use crate::spatial::benjamini_hochberg;

/// With fewer, a hazard ratio says more about who happened to have the event than about the number: ten events for each
/// covariate.
///
/// # Source
/// Peduzzi et al. 1995, doi:10.1016/0895-4356(95)00048-8.
const LEAST_EVENTS: usize = 10;

const HEADING: &str = "Numbers and outcomes";

/// What is known of one number.
pub(super) struct Finding {
    pub row: OutcomeRow,
    /// Both halves of the patients, where they can be told apart.
    split: Option<MedianSplit>,
}

/// Each number against the outcomes; p-values are adjusted for all of them.
pub(super) fn findings(table: &OutcomeTable, columns: &[Readout], maps: &[MapRecord]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = columns.iter().map(|column| finding(table, column, maps)).collect();
    let p: Vec<Option<f64>> = findings.iter().map(|finding| finding.row.p).collect();
    for (finding, adjusted) in findings.iter_mut().zip(benjamini_hochberg(&p)) {
        finding.row.adjusted = adjusted;
    }
    findings
}

fn finding(table: &OutcomeTable, column: &Readout, maps: &[MapRecord]) -> Finding {
    let values = values(table, column, maps);
    let known = || values.iter().zip(&table.patients).filter_map(|(value, found)| Some(((*value)?, found)));
    let (values, times): (Vec<f64>, Vec<f64>) = known().map(|(value, found)| (value, found.time)).unzip();
    let events: Vec<bool> = known().map(|(_, found)| found.event).collect();
    let count = events.iter().filter(|event| **event).count();
    let row = OutcomeRow {
        readout: column.clone(),
        patients: values.len(),
        events: count,
        deviation: None,
        hazard_ratio: None,
        p: None,
        adjusted: None,
        concordance: None,
        median: None,
        logrank_p: None,
        remark: format!("fewer than {LEAST_EVENTS} events: nothing is estimated"),
    };
    let Some(outcomes) = Outcomes::new(&times, &events).ok().filter(|_| count >= LEAST_EVENTS) else {
        return Finding { row, split: None };
    };
    let split = MedianSplit::of(&outcomes, &values);
    let row = OutcomeRow {
        median: split.as_ref().map(|split| split.median),
        logrank_p: split.as_ref().and_then(|split| Some(split.logrank.as_ref()?.test.p)),
        ..row
    };
    let row = match Association::of(&outcomes, &values) {
        Ok(found) => OutcomeRow {
            deviation: Some(found.deviation),
            hazard_ratio: Some(found.effect.hazard_ratio),
            p: Some(found.effect.p),
            concordance: found.concordance,
            remark: String::new(),
            ..row
        },
        Err(error) => OutcomeRow { remark: format!("not defined: {} [{}]", why(&error), error.code()), ..row },
    };
    Finding { row, split }
}

/// Why a number alone cannot be fitted; errors speak of covariates and their places.
fn why(error: &Error) -> &str {
    match error.code() {
        "SUR-0006" => "the number does not vary among those whom the events could come to",
        "SUR-0008" => "the fit does not converge, as when the number tells all events apart from the rest",
        _ => error.message(),
    }
}

/// A number of each patient: the mean of the slides that have it.
fn values(table: &OutcomeTable, column: &Readout, maps: &[MapRecord]) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0_u32); table.patients.len()];
    for map in maps {
        let Some(&patient) = table.slides.get(&map.id) else { continue };
        if let Some(value) = value(Some(map), column).value.filter(|value| value.is_finite()) {
            sums[patient] = (sums[patient].0 + value, sums[patient].1 + 1);
        }
    }
    sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect()
}

/// The section on outcomes. `ids`: all slides of the cohort.
pub(super) fn section(table: &OutcomeTable, findings: &[Finding], ids: &[&str], maps: &[MapRecord]) -> Section {
    let mut is_in = vec![false; table.patients.len()];
    let of_maps: Vec<usize> = maps.iter().filter_map(|map| table.slides.get(&map.id).copied()).collect();
    for &patient in &of_maps {
        is_in[patient] = true;
    }
    let patients = is_in.iter().filter(|is_in| **is_in).count();
    let events = table.patients.iter().zip(&is_in).filter(|(found, is_in)| **is_in && found.event).count();
    let mut parts = vec![
        Part::Facts(vec![
            Fact::new("Patients", patients.to_string()),
            Fact::new("With the event", events.to_string()),
            Fact::new("Their slides", of_maps.len().to_string()),
            Fact::new("Slides without an outcome, left out", table.missing(ids.iter().copied()).to_string()),
            Fact::new("Outcomes of slides without numbers, left out", (table.slides.len() - of_maps.len()).to_string()),
        ]),
        Part::Notes(notes(table).into_iter().map(|text| Note::of(&text)).collect()),
    ];
    if events < LEAST_EVENTS {
        let few = format!("WARNING: fewer than {LEAST_EVENTS} patients had the event, so nothing is estimated");
        parts.push(Part::Notes(vec![Note::of(&few)]));
        return Section { heading: HEADING.to_owned(), parts };
    }
    if !findings.is_empty() {
        parts.push(Part::Table(effects(findings)));
    }
    let curves: Vec<Captioned> = findings.iter().filter_map(|finding| curves(finding, &table.unit)).collect();
    if !curves.is_empty() {
        parts.push(Part::Text(
            "Curves of the patients up to the median of a number and above it. Where to cut was not chosen by the outcome; \
             still a median split is a picture and not a test of choice: it takes the one just above the median and the \
             highest for the same. The table's hazard ratios use every value. The log-rank p-values are not adjusted for \
             being many."
                .to_owned(),
        ));
        parts.push(Part::Figures(curves));
    }
    Section { heading: HEADING.to_owned(), parts }
}

/// What must be known to read it.
fn notes(table: &OutcomeTable) -> [String; 3] {
    let patients = if table.grouped {
        "A patient counts once; of several slides of one patient the values are averaged."
    } else {
        "The table of outcomes names no patients, so each slide is taken for a patient of its own; with several slides of \
         one patient intervals are too narrow and p-values too small."
    };
    [
        "Exploratory and unadjusted: each number is looked at alone, not beside age, stage or treatment, and none was \
         chosen beforehand. What is found here must be shown in other patients."
            .to_owned(),
        patients.to_owned(),
        "Hazard ratio: by how much the hazard of the event is multiplied for each standard deviation more of the number, \
         with a 95 % interval (Cox's proportional hazards, Efron's rule for ties, Wald's test). That hazards are \
         proportional is assumed and not tested. Adjusted p: Benjamini and Hochberg over all numbers of the table. \
         Concordance: how often the fitted risk puts two patients in the order of their events, in the very patients that \
         were fitted, so too good for others; 0.5 is chance."
            .to_owned(),
    ]
}

fn effects(findings: &[Finding]) -> Table {
    let number = |value: Option<f64>| Cell::figure(Figure { value, ..Figure::default() });
    let chance = |p: Option<f64>| p.map_or_else(|| number(None), |p| Cell::sorted(p_text(p).replace(' ', "\u{a0}"), p));
    let with_remarks = findings.iter().any(|finding| !finding.row.remark.is_empty());
    let row = |Finding { row, .. }: &Finding| {
        let ratio =
            row.hazard_ratio.map(|[low, ratio, high]| Figure { value: Some(ratio), low: Some(low), high: Some(high) });
        let mut cells = vec![
            Cell::count(row.patients as u64),
            Cell::count(row.events as u64),
            number(row.deviation),
            Cell::figure(ratio.unwrap_or_default()),
            chance(row.p),
            chance(row.adjusted),
            number(row.concordance),
        ];
        if with_remarks {
            let remark = Note { text: row.remark.clone(), warning: false };
            cells.push(Cell::remarks(if row.remark.is_empty() { Vec::new() } else { vec![remark] }));
        }
        (Cell::text(definition(&row.readout).titled()), cells)
    };
    let head = ["Number", "Patients", "Events", "Standard deviation", "Hazard ratio", "p", "Adjusted p", "Concordance"];
    let head = head.into_iter().chain(with_remarks.then_some("Remark")).map(str::to_owned).collect();
    Table {
        caption: "Hazard ratio for each standard deviation more, 95 % intervals in brackets".to_owned(),
        head,
        rows: findings.iter().map(row).collect(),
        sortable: true,
        ..Table::default()
    }
}

fn curves(finding: &Finding, unit: &str) -> Option<Captioned> {
    let split = finding.split.as_ref()?;
    let definition = definition(&finding.row.readout);
    let median = Cell::figure(Figure { value: Some(split.median), ..Figure::default() }).text;
    let unit_of = if definition.unit.is_empty() { String::new() } else { format!(" {}", definition.unit) };
    let names = ["Up to the median", "Above it"].into_iter().zip(split.patients);
    let names = names.map(|(name, patients)| format!("{name}: {patients} patients"));
    let groups: Vec<_> = names.zip(&split.halves).collect();
    let about = format!("Kaplan-Meier curves of patients up to the median of {} and above it", definition.name);
    let x_name = if unit.is_empty() { "Time".to_owned() } else { format!("Time [{unit}]") };
    let svg = survival_plot(&SurvivalPlot { about: &about, x_name: &x_name, groups: &groups });
    let p = finding.row.logrank_p.map(|p| format!(" Log-rank p {}.", p_text(p))).unwrap_or_default();
    Some(Captioned { svg, caption: format!("{}, median {median}{unit_of}.{p}", definition.name) })
}
