//! A map held against a measured one: the same places, by another method such as immunofluorescence of the same section.

use super::config::MeasureConfig;
use super::field::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::{Agreement, Figure, Partition};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Read;

/// A larger table is not one of tiles.
const MAX_PLACES: usize = 1 << 24;

/// Measured numbers at places of a slide.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredMap {
    /// What was measured.
    pub names: Vec<String>,
    /// Top-left corners of the measured places, level-0 pixels.
    pub corners_l0: Vec<(f64, f64)>,
    /// `[places, names]`; none where a field is empty.
    pub values: Vec<Vec<Option<f64>>>,
}

impl MeasuredMap {
    /// Reads a table with a header: `x` and `y`, the top-left corner of a place in level-0 pixels, and a column for each of
    /// `names` that it has; all other columns are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] `MEA-0002`: no table, no `x` or `y`, none of the names, or a field that is no number, with its line.
    pub fn read(table: impl Read, names: &[String]) -> Result<Self> {
        let mut table = csv::Reader::from_reader(table);
        let header = table.headers().map_err(|error| fault(format!("expected a table: {error}")))?.clone();
        let column = |name: &str| header.iter().position(|head| head.trim() == name);
        let (Some(x), Some(y)) = (column("x"), column("y")) else {
            return Err(fault("expected columns x and y with places in level-0 pixels, found none".to_owned()));
        };
        let found: Vec<(String, usize)> = names.iter().filter_map(|name| Some((name.clone(), column(name)?))).collect();
        if found.is_empty() {
            return Err(fault(format!("expected a column named as one of {}, found none", names.join(", "))));
        }
        let mut measured = Self { names: Vec::new(), corners_l0: Vec::new(), values: Vec::new() };
        for (record, line) in table.records().zip(2..) {
            let record = record.map_err(|error| fault(format!("line {line}: expected a row: {error}")))?;
            let field = |at: usize| record.get(at).unwrap_or_default().trim();
            let number = |at: usize| match field(at).parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(number),
                _ => Err(fault(format!("line {line}: expected a number, found {:?}", field(at)))),
            };
            if measured.corners_l0.len() == MAX_PLACES {
                return Err(fault(format!("expected at most {MAX_PLACES} places, found more")));
            }
            measured.corners_l0.push((number(x)?, number(y)?));
            let value = |at: usize| if field(at).is_empty() { Ok(None) } else { number(at).map(Some) };
            measured.values.push(found.iter().map(|(_, at)| value(*at)).collect::<Result<_>>()?);
        }
        measured.names = found.into_iter().map(|(name, _)| name).collect();
        Ok(measured)
    }
}

fn fault(message: String) -> Error {
    Error::new(ErrorKind::Usage, "MEA-0002", message)
}

/// How a map and a measured one agree, cell by cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapAgreement {
    /// What was measured, and estimated.
    pub name: String,
    /// Cells that have both.
    pub cells: usize,
    /// Pearson's correlation.
    pub pearson: Figure,
    /// Spearman's correlation.
    pub spearman: Figure,
    /// Share of the measured variance that the map explains.
    pub r2: Figure,
    /// Lin's concordance.
    pub concordance: Figure,
    /// Measured and mapped value of each cell; not stored.
    #[serde(skip)]
    pub pairs: Vec<[f64; 2]>,
}

/// Holds every number that was measured against the map's class of the same name. A cell's measured value is the mean of
/// the places whose centre lies in it; places are as large as tiles, `side_l0` level-0 pixels.
pub(super) fn agreement(
    field: &Field<'_>,
    measured: &MeasuredMap,
    side_l0: u32,
    config: &MeasureConfig,
) -> Vec<MapAgreement> {
    let cell_of: HashMap<(u32, u32), usize> =
        field.places.iter().enumerate().map(|(at, place)| ((place.col, place.row), at)).collect();
    let (x0, y0) = field.map.origin_l0();
    let (step, half) = (f64::from(field.map.step_l0()), f64::from(side_l0) / 2.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative and huge ones hold no cell")]
    let index = |at: f64, start: i64| {
        ((at + half - start as f64) / step).floor().clamp(-1.0, f64::from(u32::MAX)) as i64 as u32
    };
    let places: Vec<Option<usize>> =
        measured.corners_l0.iter().map(|&(x, y)| cell_of.get(&(index(x, x0), index(y, y0))).copied()).collect();
    let of_name = |(column, name): (usize, &String)| {
        let class = field.map.class_names().iter().position(|class| class == name)?;
        let mut sums = vec![(0.0, 0_u32); field.places.len()];
        for (place, values) in places.iter().zip(&measured.values) {
            if let (Some(place), Some(value)) = (place, values[column]) {
                sums[*place] = (sums[*place].0 + value, sums[*place].1 + 1);
            }
        }
        let both = sums.iter().zip(&field.places).filter(|((_, count), _)| *count > 0);
        let cells: Vec<(f64, f64, usize)> = both
            .map(|((sum, count), place)| (sum / f64::from(*count), f64::from(place.scores[class]), place.block))
            .collect();
        let (truth, estimate): (Vec<f64>, Vec<f64>) =
            cells.iter().map(|&(truth, estimate, _)| (truth, estimate)).unzip();
        let found = Agreement::of(&truth, &estimate)?;
        let statistics = |draws: &[u32]| {
            vec![found.pearson(draws), found.spearman(draws), found.r2(draws), found.concordance(draws)]
        };
        let blocks = Partition::by(cells.iter().map(|cell| cell.2));
        let mut figures = config.bootstrap().figures(&blocks, statistics).into_iter();
        let mut next = || figures.next().unwrap_or_default();
        let (pearson, spearman, r2, concordance) = (next(), next(), next(), next());
        let pairs = truth.into_iter().zip(estimate).map(|(truth, estimate)| [truth, estimate]).collect();
        Some(MapAgreement { name: name.clone(), cells: cells.len(), pearson, spearman, r2, concordance, pairs })
    };
    measured.names.iter().enumerate().filter_map(of_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_names_and_faults_name_their_line() {
        let names = ["a", "b"].map(str::to_owned);
        let table = "x,y,b,label\n0,256,0.5,left alone\n256,0,,\n";
        let measured = MeasuredMap::read(table.as_bytes(), &names).unwrap();
        assert_eq!(measured.names, ["b"]);
        assert_eq!(measured.corners_l0, [(0.0, 256.0), (256.0, 0.0)]);
        assert_eq!(measured.values, [vec![Some(0.5)], vec![None]]);
        let cases = [
            ("", "x and y"),
            ("x,b\n1,1\n", "x and y"),
            ("x,y,c\n1,1,1\n", "named as"),
            ("x,y,b\n1,one,1\n", "line 2"),
            ("x,y,b\n1,1,1\n1,1,nan\n", "line 3"),
            ("x,y,b\n1,1\n", "line 2"),
        ];
        for (table, words) in cases {
            let error = MeasuredMap::read(table.as_bytes(), &names).unwrap_err();
            assert!(error.code() == "MEA-0002" && error.message().contains(words), "{table:?}: {error}");
        }
    }
}
