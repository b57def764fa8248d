//! What was found once is not found again.

use spanlayer_fuzz::TARGETS;
use std::{fs, path::Path};

#[test]
fn every_target_reads_its_corpus_and_there_is_no_folder_without_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let corpus = root.join("fuzz/corpus");
    let names = |folder: &Path| -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(names(&corpus), targets);
    assert_eq!(
        names(&root.join("fuzz/libfuzzer/fuzz_targets")),
        targets.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>()
    );
    for target in TARGETS {
        let folders = [Some(corpus.join(target.name)), target.samples.map(|folder| root.join(folder))];
        for folder in folders.into_iter().flatten() {
            let samples = names(&folder);
            assert!(!samples.is_empty(), "{}", folder.display());
            for sample in samples {
                println!("{} {sample}", target.name);
                (target.run)(&fs::read(folder.join(sample)).unwrap());
            }
        }
    }
}
