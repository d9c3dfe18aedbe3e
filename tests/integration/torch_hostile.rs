//! Hostile files of `torch.save` and TorchScript are refused by code, and nothing in them is ever run.
//!
//! `tests/reference/torch_files.py` made them, and shows with `--prove` that the programs in them do run under Python.

use crate::torch_files::file;
use eosin::nn::read_weights;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// The file that every program in the hostile files makes where it is run.
const MARKER: &str = "eosin-torch-marker";

/// What a hostile file is, the code that it must give, and a word of the message.
#[rustfmt::skip]
const HOSTILE: &[(&str, &str, &str)] = &[
    // Programs. The message names what would run them.
    ("program_in_archive.pth", "MOD-0107", "posix.system"),
    ("program_in_stream.pth", "MOD-0107", "posix.system"),
    ("program_alone.pth", "MOD-0107", "posix.system"),
    ("program_protocol0.pth", "MOD-0107", "posix.system"),
    ("program_instance.pth", "MOD-0107", "posix.system"),
    ("program_object.pth", "MOD-0107", "posix.system"),
    ("program_subprocess.pth", "MOD-0107", "subprocess.check_call"),
    ("program_new_object.pth", "MOD-0107", "subprocess.Popen"),
    ("program_beside_weights.ckpt", "MOD-0107", "posix.system"),
    ("program_among_weights.pth", "MOD-0107", "posix.system"),
    ("program_as_storage.pth", "MOD-0107", "posix.system"),
    ("program_eval.pth", "MOD-0107", "builtins.eval"),
    ("program_exec_python2.pth", "MOD-0107", "__builtin__.execfile"),
    ("program_dotted.pth", "MOD-0107", "logging.os.system"),
    ("program_memoised.pth", "MOD-0107", "posix.system"),
    ("program_getattr.pth", "MOD-0107", "builtins.getattr"),
    ("program_runpy.pth", "MOD-0107", "runpy.run_path"),
    ("program_windows.pth", "MOD-0107", "nt.system"),
    ("program_socket.pth", "MOD-0107", "socket.create_connection"),
    ("program_nested_pickle.pth", "MOD-0107", "pickle.loads"),
    ("program_torch_load.pth", "MOD-0107", "torch.storage._load_from_bytes"),
    ("program_discarded.pth", "MOD-0107", "posix.system"),
    ("program_in_constants.pt", "MOD-0107", "posix.system"),
    ("program_in_stream_head.pth", "MOD-0107", "posix.system"),
    // Pickles.
    ("opaque_weight.pth", "MOD-0107", "some.package.make_tensor in weight"),
    ("opaque_call.pth", "MOD-0107", "an object in weight"),
    ("name_is_a_number.pth", "MOD-0107", "an integer"),
    ("name_twice.pth", "MOD-0104", "weight"),
    ("part_twice.pth", "MOD-0104", "model"),
    ("name_too_long.pth", "MOD-0106", "1024"),
    ("doubling_tuples.pth", "MOD-0107", "a tuple in weight"),
    ("deep_lists.pth", "MOD-0107", "a list"),
    ("contains_itself.pth", "MOD-0109", "state_dict"),
    ("far_memo_slot.pth", "MOD-0107", "None"),
    ("empty_memo_slot.pth", "MOD-0101", "slot 5"),
    ("endless_text.pth", "MOD-0101", "4611686018427387904"),
    ("negative_length.pth", "MOD-0101", "4294967295"),
    ("empty_stack.pth", "MOD-0101", "stack"),
    ("no_mark.pth", "MOD-0101", "mark"),
    ("odd_dictionary.pth", "MOD-0101", "1 items"),
    ("items_of_a_number.pth", "MOD-0101", "an integer"),
    ("no_end.pth", "MOD-0101", "1 more bytes"),
    ("no_operation.pth", "MOD-0101", "0xff"),
    ("bad_utf8.pth", "MOD-0101", "UTF-8"),
    ("protocol_9.pth", "MOD-0108", "9"),
    ("extension.pth", "MOD-0108", "0x82"),
    ("outer_buffer.pth", "MOD-0108", "0x97"),
    ("two_names_missing.pth", "MOD-0101", "None"),
    // Tensors.
    ("offset_beyond.pth", "MOD-0101", "from 1"),
    ("offset_negative.pth", "MOD-0101", "-1"),
    ("shape_negative.pth", "MOD-0101", "-2"),
    ("shape_overflows.pth", "MOD-0106", "4611686018427387904"),
    ("shape_wider_than_64_bits.pth", "MOD-0101", "an integer"),
    ("strides_overflow.pth", "MOD-0101", "9223372036854775807"),
    ("strides_too_few.pth", "MOD-0101", "1 for 2"),
    ("dimensions_too_many.pth", "MOD-0106", "40"),
    ("expanded_far.pth", "MOD-0106", "1099511627776"),
    ("storage_shorter.pth", "MOD-0101", "24 bytes"),
    ("storage_longer.pth", "MOD-0101", "24 bytes"),
    ("storage_missing.pth", "MOD-0101", "data/../../1"),
    ("storage_without_parts.pth", "MOD-0101", "a tuple"),
    ("storage_of_no_class.pth", "MOD-0101", "torch.Tensor"),
    ("storage_shared_by_many.pth", "MOD-0106", "4 times"),
    ("modules_doubling.pt", "MOD-0106", "262144 attributes"),
    ("module_in_itself.pt", "MOD-0106", "64 deep"),
    ("attribute_twice.pt", "MOD-0104", "w"),
    ("path_twice.pt", "MOD-0104", "a.w"),
    ("script_without_module.pt", "MOD-0107", "a dictionary"),
    // Archives.
    ("archive_compressed.pth", "MOD-0108", "compressed"),
    ("archive_bomb.pth", "MOD-0108", "compressed"),
    ("archive_encrypted.pth", "MOD-0108", "encrypted"),
    ("archive_entry_twice.pth", "MOD-0104", "archive/data/0"),
    ("archive_overlapping.pth", "MOD-0101", "overlap"),
    ("archive_other_name.pth", "MOD-0101", "both headers"),
    ("archive_size_lie.pth", "MOD-0101", "2147483647"),
    ("archive_zip64_lie.pth", "MOD-0101", "zip archive"),
    ("archive_checksum.pth", "MOD-0101", "checksum"),
    ("archive_offset_beyond.pth", "MOD-0101", "zip archive"),
    ("archive_count_lie.pth", "MOD-0101", "9 entries"),
    ("archive_directory_beyond.pth", "MOD-0101", "zip archive"),
    ("archive_cut.pth", "MOD-0101", "zip archive"),
    ("archive_head_only.pth", "MOD-0101", "zip archive"),
    ("archive_with_more_behind.pth", "MOD-0101", "zip archive"),
    ("archive_with_no_pickle.pth", "MOD-0108", "data.pkl"),
    ("archive_with_two_pickles.pth", "MOD-0101", "several"),
    ("archive_big_endian.pth", "MOD-0108", "big"),
    ("archive_empty.pth", "MOD-0108", "data.pkl"),
    // Streams, and files of other kinds.
    ("stream_cut.pth", "MOD-0101", "fewer"),
    ("stream_head_only.pth", "MOD-0101", "pickle"),
    ("stream_with_more_behind.pth", "MOD-0101", "4 bytes"),
    ("stream_length_lie.pth", "MOD-0101", "1152921504606846976"),
    ("stream_negative_length.pth", "MOD-0101", "18446744073709551615"),
    ("stream_storage_twice.pth", "MOD-0104", "0 twice"),
    ("stream_storage_missing.pth", "MOD-0101", "storage 0"),
    ("stream_storage_unknown.pth", "MOD-0101", "1 too"),
    ("stream_two_descriptions.pth", "MOD-0101", "found two"),
    ("stream_big_endian.pth", "MOD-0108", "order"),
    ("stream_other_version.pth", "MOD-0108", "1001"),
    ("stream_other_magic.pth", "MOD-0108", "an integer"),
    ("pickle_alone.pth", "MOD-0108", "a dictionary"),
    ("gzip.pth", "MOD-0108", "gzip"),
    ("tar.pth", "MOD-0108", "tar"),
];

#[test]
fn hostile_files_are_refused_by_code_and_run_nothing() {
    let marker = Path::new(MARKER);
    assert!(!marker.exists(), "{MARKER} is left from elsewhere");
    for (name, code, part) in HOSTILE {
        let error = read_weights(&file(&format!("hostile/{name}")), None).unwrap_err();
        assert_eq!(error.code(), *code, "{name}: {error}");
        assert!(error.message().contains(part), "{name}: {error}");
        assert!(error.message().len() < 400, "{name}: {error}");
        assert!(!marker.exists(), "{name} ran its program");
    }
    let mut listed: Vec<String> = HOSTILE.iter().map(|row| row.0.to_owned()).collect();
    let there = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch/hostile")).unwrap();
    let mut there: Vec<String> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    listed.sort();
    there.sort();
    assert_eq!(listed, there, "rows of the table on the left, files on the right");
}

/// Bytes of good files are changed, cut and moved: whatever comes of it, nothing panics, and no tensor is larger than the
/// file can hold. Most changes are in the pickle, and the checksum is made to fit, so that they are read at all.
#[test]
fn two_hundred_thousand_mutations_never_panic() {
    const ROUNDS: usize = 200_000;
    let files = ["legacy.pth", "two_parts.pth", "nested_legacy.pth", "script.pt", "parameters.pth"];
    let originals: Vec<Vec<u8>> = files.iter().map(|name| file(name)).collect();
    let pickles: Vec<Range<usize>> = originals.iter().map(|bytes| pickle_of(bytes)).collect();
    // xorshift64
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let (original, pickle) = (&originals[round % files.len()], &pickles[round % files.len()]);
        let mut bytes = original.clone();
        let anywhere = draw(4) == 0;
        let range = if anywhere { 0..bytes.len() } else { pickle.clone() };
        for _ in 0..=draw(3) {
            let at = range.start + draw(range.len());
            match draw(6) {
                0 => bytes[at] ^= 1 << draw(8),
                1 => bytes[at] = b"(.)Rbhqt0e]}usNaQ\x81\x85\x93\xff"[draw(21)],
                2 => bytes[at] = [0, 0x7f, 0x80, 0xff][draw(4)],
                3 => {
                    let from = range.start + draw(range.len());
                    let length = draw(32).min(range.end - from.max(at));
                    bytes.copy_within(from..from + length, at);
                }
                _ => bytes[at] = u8::try_from(draw(256)).unwrap(),
            }
        }
        match draw(if anywhere { 4 } else { 100 }) {
            0 => bytes.truncate(draw(bytes.len())),
            1 => bytes.insert(draw(bytes.len()), b'.'),
            _ if !anywhere => mend_checksum(&mut bytes, pickle),
            _ => {}
        }
        match read_weights(&bytes, None) {
            Ok((map, _)) => {
                read += 1;
                let values: usize = map.into_iter().map(|(_, weight)| weight.data.len()).sum();
                assert!(values <= 4 * bytes.len());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > ROUNDS / 50 && refused > ROUNDS / 2, "{read} read, {refused} refused");
}

/// Where the pickle of the tensors is: in an archive an entry, and a stream is little else.
fn pickle_of(bytes: &[u8]) -> Range<usize> {
    let Some(record) = record_of_pickle(bytes) else { return 0..bytes.len() };
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (size, header) = (number(record + 24), number(record + 42));
    let short = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let start = header + 30 + short(header + 26) + short(header + 28);
    assert_eq!(bytes[start], 0x80);
    start..start + size
}

/// The record of `data.pkl` in the central directory of an archive, 46 bytes before its name: folder and file.
fn record_of_pickle(bytes: &[u8]) -> Option<usize> {
    let name = bytes.windows(9).rposition(|window| window == b"/data.pkl")?;
    (0..name).rev().find(|&at| bytes[at..].starts_with(b"PK\x01\x02"))
}

fn mend_checksum(bytes: &mut [u8], pickle: &Range<usize>) {
    let Some(record) = record_of_pickle(bytes) else { return };
    let checksum = !bytes[pickle.clone()].iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 })
    });
    bytes[record + 16..record + 20].copy_from_slice(&checksum.to_le_bytes());
}
