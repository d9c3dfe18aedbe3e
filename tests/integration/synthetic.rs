//! Synthetic slides as our own reader sees them: what was written comes back, in every form that is written.

use eosin::geometry::{Rect, Size};
use eosin::raster::RgbImage8;
use eosin::slide::Slide;
use eosin::synthetic::{
    ChunkPlace, Container, Flavour, PyramidConfig, SyntheticConfig, SyntheticSlide, Truth, level_sizes,
};
use eosin::units::Mpp;
use std::path::Path;

/// Mean difference from the painted pixels, out of 255: that of JPEG at quality 95 on fine texture, 1.3 on level 0 to 1.8
/// on the coarsest level; OpenSlide and tifffile decode these files to the same figures.
const JPEG_MEAN: f64 = 2.5;
/// The same for the worst sample, where a nucleus meets glass: 24.
const JPEG_WORST: u8 = 35;

fn synthetic() -> SyntheticSlide {
    // Odd sides: chunks at the edges are cut, and levels drop a column or a row.
    SyntheticSlide::new(SyntheticConfig { seed: 11, size: Size::new(1301, 907), mpp: Mpp::new(1.3).unwrap() })
}

fn config(container: Container, flavour: Flavour) -> PyramidConfig {
    PyramidConfig { container, flavour, quality: 95, ..PyramidConfig::default() }
}

/// The 2 x 2 box average, written apart from the writer's.
fn halved(image: &RgbImage8) -> RgbImage8 {
    let (w, h) = (image.size().w / 2, image.size().h / 2);
    let block = |x: u32, y: u32| [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| image.pixel(2 * x + dx, 2 * y + dy));
    let average = |four: [[u8; 3]; 4], channel: usize| {
        let sum = four.iter().map(|pixel| f64::from(pixel[channel])).sum::<f64>();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an average of samples")]
        let sample = (sum / 4.0).round() as u8;
        sample
    };
    let samples = (0..h).flat_map(|y| (0..w).flat_map(move |x| [0, 1, 2].map(|c| average(block(x, y), c)))).collect();
    RgbImage8::from_vec(Size::new(w, h), samples).unwrap()
}

fn whole(slide: &Slide, level: usize) -> RgbImage8 {
    let size = slide.levels()[level].size;
    slide.read_region(level, Rect::new(0, 0, size.w, size.h), [0; 3]).unwrap()
}

fn assert_close(found: &RgbImage8, expected: &RgbImage8, what: &str) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let off: Vec<u8> = found.as_bytes().iter().zip(expected.as_bytes()).map(|(a, b)| a.abs_diff(*b)).collect();
    let mean = off.iter().map(|&d| f64::from(d)).sum::<f64>() / off.len() as f64;
    let worst = off.iter().max().copied().unwrap_or(0);
    assert!(mean <= JPEG_MEAN && worst <= JPEG_WORST, "{what}: mean {mean}, worst {worst}");
}

fn write(synthetic: &SyntheticSlide, path: &Path, config: &PyramidConfig) -> Slide {
    synthetic.write(path, config, None, &|_, _| ()).unwrap();
    Slide::open(path).unwrap()
}

#[test]
fn every_form_reads_back_as_it_was_painted_on_all_levels() {
    let (folder, synthetic) = (tempfile::tempdir().unwrap(), synthetic());
    let size = synthetic.config().size;
    let painted = synthetic.region(Rect::new(0, 0, size.w, size.h));
    for (name, container, flavour, format) in [
        ("classic.svs", Container::Classic, Flavour::Aperio, "aperio"),
        ("big.svs", Container::Big, Flavour::Aperio, "aperio"),
        ("classic.tif", Container::Classic, Flavour::Generic, "generic-tiff"),
        ("big.tif", Container::Big, Flavour::Generic, "generic-tiff"),
    ] {
        let slide = write(&synthetic, &folder.path().join(name), &config(container, flavour));
        assert_eq!(slide.format_name(), format, "{name}");
        assert!((slide.mpp().unwrap().get() - 1.3).abs() < 1e-6, "{name}");
        let sizes: Vec<Size> = slide.levels().iter().map(|level| level.size).collect();
        assert_eq!(sizes, level_sizes(size, 256).collect::<Vec<_>>(), "{name}");
        let mut expected = painted.clone();
        for level in 0..sizes.len() {
            assert_close(&whole(&slide, level), &expected, &format!("{name}, level {level}"));
            expected = halved(&expected);
        }
    }
}

#[test]
fn a_chunk_that_is_left_out_reads_as_the_fill_colour() {
    let (folder, synthetic) = (tempfile::tempdir().unwrap(), synthetic());
    let path = folder.path().join("sparse.svs");
    let hole = ChunkPlace { level: 0, col: 2, row: 1 };
    let edit = |place, bytes| (place != hole).then_some(bytes);
    let config = config(Container::Classic, Flavour::Aperio);
    synthetic.write(&path, &config, Some(&edit), &|_, _| ()).unwrap();
    let slide = Slide::open(&path).unwrap();
    assert!(slide.read_chunk(0, 2, 1).unwrap().is_none());
    let fill = [1, 2, 3];
    let around = slide.read_region(0, Rect::new(500, 250, 300, 300), fill).unwrap();
    let inside = |x: u32, y: u32| (12..268).contains(&x) && (6..262).contains(&y);
    for (x, y) in (0..300).flat_map(|x| (0..300).map(move |y| (x, y))) {
        assert_eq!(around.pixel(x, y) == fill, inside(x, y), "{x}, {y}");
    }
}

#[test]
fn a_file_without_a_resolution_is_read_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.svs");
    let white = |rect: Rect| RgbImage8::filled(Size::new(rect.w, rect.h), [240; 3]);
    let config = PyramidConfig::default();
    eosin::synthetic::write_pyramid(&path, Size::new(300, 20), &config, &white, None, &|_, _| ()).unwrap();
    let slide = Slide::open(&path).unwrap();
    assert!(slide.mpp().is_none());
    assert!(whole(&slide, 0).as_bytes().iter().all(|sample| sample.abs_diff(240) <= 1));
}

#[test]
fn glass_is_bright_and_tissue_is_not_where_the_truth_says_so() {
    let (folder, synthetic) = (tempfile::tempdir().unwrap(), synthetic());
    let path = folder.path().join("slide.svs");
    synthetic.write_svs(&path, &|_, _| ()).unwrap();
    let slide = Slide::open(&path).unwrap();
    let pixels = whole(&slide, 0);
    let (mut glass, mut cells) = ((0.0, 0.0), (0.0, 0.0));
    for (x, y) in (0..1301).step_by(3).flat_map(|x| (0..907).step_by(3).map(move |y| (x, y))) {
        let green = f64::from(pixels.pixel(x, y)[1]);
        let sum = match synthetic.truth_at(x.into(), y.into()) {
            Truth::Background => &mut glass,
            Truth::Epithelium | Truth::Immune | Truth::SmoothMuscle => &mut cells,
            Truth::Other => continue, // fat is as bright as glass
        };
        *sum = (sum.0 + green, sum.1 + 1.0);
    }
    assert!(glass.0 / glass.1 > 235.0, "{}", glass.0 / glass.1);
    assert!(cells.0 / cells.1 < 170.0, "{}", cells.0 / cells.1);
}
