//! The marker structure of a JPEG stream: what must stand where, checked before any pixel is decoded.
//!
//! A sequential stream is decoded on the way; a progressive one is joined with the tables kept apart in the directory,
//! for a decoder that takes a stream that stands alone. Invariant: the outcome has one frame header, each scan ends at a
//! marker that may stand there, restart markers count up, every channel has its data, and the end marker is present. So
//! a stream that was cut, or has a hole, is never accepted.

use super::planes::Planes;
use super::scan::ScanState;
use crate::error::Error;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// A component of a frame: its name, its sampling factors (1 to 4) and its quantisation table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    pub(super) h: u8,
    pub(super) v: u8,
    pub(super) quantiser: u8,
}

/// What the frame header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: Vec<Component>,
    pub(super) is_progressive: bool,
}

impl Frame {
    /// True when the components are named `R`, `G`, `B`.
    pub(super) fn is_named_rgb(&self) -> bool {
        self.components.iter().map(|component| component.id).eq(*b"RGB")
    }

    /// The largest sampling factors, across and down.
    pub(super) fn max_sampling(&self) -> (usize, usize) {
        let max = |of: fn(&Component) -> u8| usize::from(self.components.iter().map(of).max().unwrap_or(1));
        (max(|component| component.h), max(|component| component.v))
    }
}

/// What the tag `JPEGTables` holds.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The segments as they stand.
    segments: Vec<u8>,
    /// What they mean for scans.
    state: ScanState,
}

impl Tables {
    /// Takes the table segments out of the value of the tag.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(super) fn new(value: &[u8]) -> Result<Self, String> {
        let mut rest = Cursor { bytes: value, at: 0 };
        let mut tables = Self::default();
        rest.start()?;
        while rest.at < value.len() {
            match rest.marker()? {
                END => break,
                marker if is_table(marker) => {
                    let segment = rest.segment()?;
                    tables.state.define(segment)?;
                    tables.segments.extend_from_slice(segment);
                }
                marker if is_comment(marker) => drop(rest.segment()?),
                marker => return Err(format!("marker ff{marker:02x} among the tables")),
            }
        }
        Ok(tables)
    }
}

/// Why a stream was not accepted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is damaged, and how.
    Damaged(String),
    /// It is another image than the one asked for.
    Frame(Error),
}

impl From<String> for Refusal {
    fn from(how: String) -> Self {
        Self::Damaged(how)
    }
}

/// What a stream holds.
#[derive(Debug)]
pub(super) enum Content {
    /// The channels of a sequential stream.
    Planes(Planes),
    /// A progressive stream that stands alone.
    Progressive(Vec<u8>),
}

/// Reads a chunk's stream with its tables.
///
/// Application segments are left out: colour follows the TIFF's tag, so `colour` is an own segment put in their place.
/// `accept` judges the frame header before anything that depends on it is done.
///
/// # Errors
/// What is wrong with the stream, or the error of `accept`.
pub(super) fn read(
    stream: &[u8],
    tables: &Tables,
    colour: &[u8],
    accept: impl Fn(&Frame) -> Result<(), Error>,
) -> Result<Content, Refusal> {
    let mut whole = [&[0xff, START], colour, &tables.segments].concat();
    let mut rest = Cursor { bytes: stream, at: 0 };
    let mut state = tables.state.clone();
    let mut picture: Option<(Frame, Planes)> = None;
    let mut scans = 0;
    rest.start()?;
    loop {
        match (rest.marker()?, &mut picture) {
            (END, Some(_)) if scans > 0 => break,
            (SCAN, Some((frame, planes))) => {
                let header = rest.segment()?;
                let data = rest.scan(state.restart_interval > 0)?;
                if frame.is_progressive {
                    whole.extend_from_slice(header);
                    whole.extend_from_slice(data);
                } else {
                    state.decode(frame, header, data, planes)?;
                }
                scans += 1;
            }
            (process @ 0xc0..=0xc2, None) => {
                let segment = rest.segment()?;
                let frame = frame_header(segment, process == 0xc2)?;
                accept(&frame).map_err(Refusal::Frame)?;
                whole.extend_from_slice(segment);
                let planes = Planes::new(&frame)?;
                picture = Some((frame, planes));
            }
            (marker, _) if is_table(marker) => {
                let segment = rest.segment()?;
                state.define(segment)?;
                whole.extend_from_slice(segment);
            }
            (marker, _) if is_comment(marker) => drop(rest.segment()?),
            (0xc3 | 0xc5..=0xcf, _) => {
                return Err("a coding process other than baseline, extended or progressive".to_string().into());
            }
            (marker, _) => return Err(format!("marker ff{marker:02x} where it must not stand").into()),
        }
    }
    whole.extend_from_slice(&[0xff, END]);
    match picture {
        Some((frame, planes)) if !frame.is_progressive => {
            if planes.are_filled() {
                Ok(Content::Planes(planes))
            } else {
                Err("a channel without data".to_string().into())
            }
        }
        _ => Ok(Content::Progressive(whole)),
    }
}

/// Quantisation tables, Huffman tables, restart interval.
fn is_table(marker: u8) -> bool {
    matches!(marker, 0xc4 | 0xdb | 0xdd)
}

/// Application data and comments.
fn is_comment(marker: u8) -> bool {
    matches!(marker, 0xe0..=0xef | 0xfe)
}

/// What a stream that stands alone says of its colours, and its frame.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) frame: Frame,
    /// It has the segment of JFIF, whose colours are grey or YCbCr.
    pub(super) is_jfif: bool,
    /// The transform in Adobe's segment, if there is one.
    pub(super) adobe: Option<u8>,
}

/// Reads what stands before the first scan.
///
/// # Errors
/// A text that says what is wrong.
pub(super) fn head(stream: &[u8]) -> Result<Head, String> {
    let mut rest = Cursor { bytes: stream, at: 0 };
    let (mut picture, mut is_jfif, mut adobe) = (None, false, None);
    rest.start()?;
    loop {
        let marker = rest.marker()?;
        if matches!(marker, 0x01 | 0xd0..=START | END) {
            return Err(format!("marker ff{marker:02x} where it must not stand"));
        }
        let segment = rest.segment()?;
        let body = segment.get(4..).unwrap_or_default();
        match marker {
            SCAN => break,
            0xc0..=0xc2 => picture = Some(frame_header(segment, marker == 0xc2)?),
            0xe0 => is_jfif |= body.starts_with(b"JFIF\0"),
            0xee if body.starts_with(b"Adobe") => adobe = body.get(11).copied().or(adobe),
            _ => {}
        }
    }
    let frame = picture.ok_or("a scan without a frame of baseline, extended or progressive coding")?;
    Ok(Head { frame, is_jfif, adobe })
}

fn frame_header(segment: &[u8], is_progressive: bool) -> Result<Frame, String> {
    let [_, _, _, _, precision, h1, h0, w1, w0, count, components @ ..] = segment else {
        return Err("a frame header that is cut".to_string());
    };
    if *precision != 8 {
        return Err(format!("{precision} bits a sample"));
    }
    if components.len() != 3 * usize::from(*count) {
        return Err("a frame header of a wrong length".to_string());
    }
    let component = |part: &[u8; 3]| Component { id: part[0], h: part[1] >> 4, v: part[1] & 15, quantiser: part[2] };
    let components: Vec<Component> = components.as_chunks::<3>().0.iter().map(component).collect();
    if components.iter().any(|component| !(1..=4).contains(&component.h) || !(1..=4).contains(&component.v)) {
        return Err("sampling factors outside 1 to 4".to_string());
    }
    Ok(Frame {
        width: u16::from_be_bytes([*w1, *w0]),
        height: u16::from_be_bytes([*h1, *h0]),
        components,
        is_progressive,
    })
}

/// A position in a stream.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn start(&mut self) -> Result<(), String> {
        match self.bytes {
            [0xff, START, ..] => {
                self.at = 2;
                Ok(())
            }
            [a, b, ..] => Err(format!("expected a JPEG stream (ffd8), found {a:02x}{b:02x}")),
            _ => Err(format!("expected a JPEG stream, found {} bytes", self.bytes.len())),
        }
    }

    /// Reads a marker's code; fill bytes before it are allowed.
    fn marker(&mut self) -> Result<u8, String> {
        let mut byte = self.byte()?;
        if byte != 0xff {
            return Err(format!("byte {byte:02x} where a marker must stand"));
        }
        while byte == 0xff {
            byte = self.byte()?;
        }
        Ok(byte)
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = *self.bytes.get(self.at).ok_or("the stream is cut")?;
        self.at += 1;
        Ok(byte)
    }

    /// The segment whose marker was just read, from its marker on.
    fn segment(&mut self) -> Result<&'a [u8], String> {
        let from = self.at.saturating_sub(2);
        let len = u16::from_be_bytes([self.byte()?, self.byte()?]);
        if len < 2 {
            return Err(format!("a segment of {len} bytes"));
        }
        self.at += usize::from(len) - 2;
        self.bytes.get(from..self.at).ok_or_else(|| "the stream is cut".to_string())
    }

    /// The entropy-coded data of a scan, up to the marker that ends it.
    fn scan(&mut self, restarts: bool) -> Result<&'a [u8], String> {
        let from = self.at;
        let mut restart = 0;
        loop {
            let ahead = self.bytes.get(self.at..).unwrap_or_default();
            let skip = ahead.iter().position(|&byte| byte == 0xff).ok_or("the stream is cut within a scan")?;
            self.at += skip;
            match ahead.get(skip + 1) {
                Some(0) => self.at += 2,
                Some(0xff) => self.at += 1,
                Some(&marker @ 0xd0..=0xd7) => {
                    if !restarts || marker != 0xd0 + restart {
                        return Err(format!("restart marker ff{marker:02x} where it must not stand"));
                    }
                    restart = (restart + 1) % 8;
                    self.at += 2;
                }
                Some(_) => return Ok(self.bytes.get(from..self.at).unwrap_or_default()),
                None => return Err("the stream is cut within a scan".to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A progressive frame, whose scans are not decoded here.
    const HEADER: &[u8] = &[0xff, 0xc2, 0, 11, 8, 0, 16, 0, 32, 1, 1, 0x11, 0];
    const SCAN_HEADER: &[u8] = &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];

    fn stream(data: &[u8]) -> Vec<u8> {
        [&[0xff, 0xd8, 0xff, 0xe0, 0, 3, 9], HEADER, SCAN_HEADER, data].concat()
    }

    fn accepted(stream: &[u8], tables: &[u8]) -> bool {
        let tables = Tables::new(&[&[0xff, 0xd8], tables].concat()).unwrap();
        read(stream, &tables, &[], |_| Ok(())).is_ok()
    }

    #[test]
    fn tables_are_put_in_and_application_data_left_out() {
        let interval = [0xff, 0xdd, 0, 4, 0, 9];
        let tables = Tables::new(&[&[0xff, 0xd8][..], &interval, &[0xff, 0xd9]].concat()).unwrap();
        let accept = |frame: &Frame| {
            assert_eq!((frame.width, frame.height), (32, 16));
            assert_eq!(frame.components, [Component { id: 1, h: 1, v: 1, quantiser: 0 }]);
            Ok(())
        };
        let whole = read(&stream(&[1, 0xff, 0, 2, 0xff, 0xd9]), &tables, &[7, 7], accept).unwrap();
        let expected = [&[0xff, 0xd8, 7, 7][..], &interval, HEADER, SCAN_HEADER, &[1, 0xff, 0, 2, 0xff, 0xd9]];
        assert!(matches!(whole, Content::Progressive(bytes) if bytes == expected.concat()));
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = stream(&[1, 2, 3, 0xff, 0, 4, 0xff, 0xd9]);
        assert!(accepted(&whole, &[]));
        for len in 0..whole.len() {
            assert!(!accepted(&whole[..len], &[]), "{len} bytes");
        }
    }

    #[test]
    fn restart_markers_count_up_and_need_an_interval() {
        let interval = [0xff, 0xdd, 0, 4, 0, 2];
        let good = stream(&[1, 0xff, 0xd0, 2, 0xff, 0xd1, 3, 0xff, 0xd9]);
        assert!(accepted(&good, &interval));
        assert!(!accepted(&good, &[]));
        assert!(!accepted(&stream(&[1, 0xff, 0xd1, 2, 0xff, 0xd9]), &interval));
    }

    #[test]
    fn damaged_tables_are_refused() {
        for bad in [&[][..], &[0xff], &[0; 20], &[0xff, 0xd8, 0xff, 0xdb, 0, 40, 1], &[0xff, 0xd8, 0xff, 0xda, 0, 2]] {
            assert!(Tables::new(bad).is_err(), "{bad:?}");
        }
    }
}
