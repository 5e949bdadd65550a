//! Replays the committed corpora of the fuzz targets: what was once found stays found.

use std::path::Path;

use model::fuzz::TARGETS;

#[test]
fn every_input_of_every_corpus_keeps_the_properties() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, run) in TARGETS {
        let folder = corpora.join(name);
        let files = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for file in files {
            let path = file.expect("a readable folder").path();
            let bytes = std::fs::read(&path).expect("a readable file");
            eprintln!("{}", path.display());
            run(&bytes);
            count += 1;
        }
        assert!(count >= 10, "{name} has a corpus");
    }
}

#[test]
fn every_corpus_and_wrapper_belongs_to_a_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let names = |folder: &str, ending: &str| -> Vec<String> {
        let files = std::fs::read_dir(fuzz.join(folder)).expect("the folder is there");
        let mut names: Vec<_> = files
            .map(|file| {
                file.expect("a readable folder")
                    .file_name()
                    .to_string_lossy()
                    .replace(ending, "")
            })
            .collect();
        names.sort();
        names
    };
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus", "/"), targets);
    assert_eq!(names("fuzz_targets", ".rs"), targets);
}
