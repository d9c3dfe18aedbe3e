//! What was said of each tile, as a table, and the tiles of which it is farthest from the truth.

use crate::dataset::{Targets, TileSet, Truth};
use crate::error::{Error, ErrorKind, Result};
use crate::tile::arg_max;
use std::cmp::Ordering;
use std::collections::HashMap;

/// One row per tile: its name, the truth, what was said, and all scores. Patients and sites are left out; a tile of one of
/// several slides is named with its slide's file.
pub fn csv(set: &TileSet, tiles: &[usize], scores: &[Vec<f32>]) -> String {
    let names = set.targets.names();
    let mut table = csv::Writer::from_writer(Vec::new());
    let columns = |prefix: &'static str| names.iter().map(move |name| format!("{prefix}{name}"));
    let header: Vec<String> = match &set.targets {
        Targets::Classes(_) => {
            ["tile", "truth", "said"].map(str::to_owned).into_iter().chain(columns("prob_")).collect()
        }
        Targets::Numbers(_) => {
            ["tile".to_owned()].into_iter().chain(columns("truth_")).chain(columns("value_")).collect()
        }
    };
    // Writing to memory does not fail.
    let _ = table.write_record(header);
    for (&tile, row) in tiles.iter().zip(scores) {
        let tile = &set.tiles[tile];
        let of = |class: Option<usize>| class.and_then(|class| names.get(class)).cloned().unwrap_or_default();
        let truth = match &tile.truth {
            Truth::Class(class) => vec![of(Some(*class)), of(arg_max(row))],
            Truth::Numbers(numbers) => numbers.iter().map(f32::to_string).collect(),
        };
        let scores = row.iter().map(f32::to_string);
        let _ = table.write_record([tile.name.clone()].into_iter().chain(truth).chain(scores));
    }
    table.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Reads a table of [`csv`](csv()) back: the tiles it is of and their scores.
///
/// # Errors
/// [`ErrorKind::Integrity`] (`EVA-0014`) when it is not one of these tiles and targets.
pub fn read_csv(set: &TileSet, table: &[u8]) -> Result<(Vec<usize>, Vec<Vec<f32>>)> {
    let fault = |message: String| Error::new(ErrorKind::Integrity, "EVA-0014", message);
    let columns = set.targets.names().len();
    let places: HashMap<&str, usize> =
        set.tiles.iter().enumerate().map(|(at, tile)| (tile.name.as_str(), at)).collect();
    let (mut tiles, mut scores) = (Vec::new(), Vec::new());
    for record in csv::Reader::from_reader(table).records() {
        let record = record.map_err(|error| fault(format!("expected a table of predictions: {error}")))?;
        let name = record.get(0).unwrap_or_default();
        let tile = places.get(name).ok_or_else(|| fault(format!("expected tiles of the data, found {name:?}")))?;
        let row: Vec<f32> =
            record.iter().skip(record.len().saturating_sub(columns)).filter_map(|cell| cell.parse().ok()).collect();
        if row.len() != columns {
            return Err(fault(format!("expected {columns} scores for {name}, found {}", row.len())));
        }
        tiles.push(*tile);
        scores.push(row);
    }
    Ok((tiles, scores))
}

/// Places in `tiles` of those that are farthest from the truth, worst first: the least probability of the true class, or
/// the largest error in standard deviations of the truth, averaged over the numbers. Classes that are recognised are none.
pub fn worst(set: &TileSet, tiles: &[usize], scores: &[Vec<f32>], count: usize) -> Vec<usize> {
    let truths: Vec<&Truth> = tiles.iter().map(|&tile| &set.tiles[tile].truth).collect();
    let deviation: Vec<f64> = (0..set.targets.names().len()).map(|column| deviation(&truths, column)).collect();
    let badness = |(place, row): (usize, &Vec<f32>)| match truths[place] {
        Truth::Class(class) if arg_max(row) == Some(*class) => None,
        Truth::Class(class) => Some((place, 1.0 - f64::from(row[*class]))),
        Truth::Numbers(numbers) => {
            let errors = numbers.iter().zip(row).zip(&deviation);
            Some((place, errors.map(|((truth, said), deviation)| f64::from((truth - said).abs()) / deviation).sum()))
        }
    };
    let mut bad: Vec<(usize, f64)> = scores.iter().enumerate().filter_map(badness).collect();
    bad.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then(a.0.cmp(&b.0)));
    bad.into_iter().take(count).map(|(place, _)| place).collect()
}

/// Standard deviation of a number over tiles; 1 where it never changes.
fn deviation(truths: &[&Truth], column: usize) -> f64 {
    let numbers = || truths.iter().filter_map(|truth| truth.numbers().get(column)).map(|&number| f64::from(number));
    let count = truths.len().max(1) as f64;
    let mean = numbers().sum::<f64>() / count;
    let variance = numbers().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
    if variance > 0.0 { variance.sqrt() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::set;

    #[test]
    fn tiles_are_listed_and_the_surest_mistakes_come_first() {
        let set = set(vec![(0, None), (1, None), (0, None), (1, None)], 2);
        let scores = [vec![0.9, 0.1], vec![0.8, 0.2], vec![0.1, 0.9], vec![0.5, 0.5]];
        let tiles = [0, 1, 2, 3];
        assert_eq!(worst(&set, &tiles, &scores, 9), [2, 1, 3]);
        assert_eq!(worst(&set, &tiles, &scores, 1), [2]);
        let text = csv(&set, &tiles[..2], &scores);
        assert_eq!(text, "tile,truth,said,prob_0,prob_1\n0,0,0,0.9,0.1\n1,1,0,0.8,0.2\n");
        assert_eq!(read_csv(&set, text.as_bytes()).unwrap(), (vec![0, 1], scores[..2].to_vec()));
        for bad in ["tile,truth,said,prob_0,prob_1\n9,0,0,0.9,0.1\n", "tile,truth,said,prob_0,prob_1\n0,0,0,x,0.1\n"] {
            assert_eq!(read_csv(&set, bad.as_bytes()).unwrap_err().code(), "EVA-0014");
        }
    }
}
