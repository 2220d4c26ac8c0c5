//! Builds `tests/java` with Maven once for each state of its sources, and runs its programs.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LabError;
use crate::sys;

/// The Java programs of `tests/java` and their class path.
#[derive(Debug, Clone)]
pub struct JavaLab {
    class_path: String,
    /// Of the brokers, which may be of another version than the programs.
    brokers: String,
}

/// The version of Kafka that the programs of `tests/java` use, and the brokers where `KAFKA_VERSION` does not say
/// otherwise.
pub const KAFKA_VERSION: &str = "4.3.1";

/// The version of the brokers.
pub fn broker_version() -> String {
    std::env::var("KAFKA_VERSION")
        .ok()
        .filter(|set| !set.is_empty())
        .unwrap_or_else(|| KAFKA_VERSION.to_owned())
}

impl JavaLab {
    /// Builds what changed since the last call of any process; others wait meanwhile.
    pub fn prepare() -> Result<Self, LabError> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../java");
        let root = target_directory().join("kafka-lab");
        fs::create_dir_all(&root).map_err(LabError::io(format!("creating {}", root.display())))?;
        let output = root.join(format!("{:016x}", fingerprint(&sources)?));
        let lock_path = root.join("lock");
        let lock =
            File::create(&lock_path).map_err(LabError::io(format!("opening {}", lock_path.display())))?;
        sys::lock(&lock).map_err(LabError::io(format!("locking {}", lock_path.display())))?;
        if built(&output).is_none() {
            build(&sources, &output)?;
        }
        let class_path = built(&output).ok_or_else(|| incomplete(&output))?;
        let version = broker_version();
        let brokers =
            if version == KAFKA_VERSION { class_path.clone() } else { brokers(&sources, &root, &version)? };
        Ok(Self { class_path, brokers })
    }

    /// A command that runs a class with a heap limit; its logging goes to standard error, warnings only. With
    /// `quick_start` it compiles lightly, which suits programs of a few seconds; without, all is Java's default.
    pub fn command(&self, main_class: &str, heap_mb: u32, quick_start: bool) -> Command {
        command_on(&self.class_path, main_class, heap_mb, quick_start)
    }

    /// The same for a class of the brokers' version of Kafka.
    pub(crate) fn broker_command(&self, main_class: &str, heap_mb: u32, quick_start: bool) -> Command {
        command_on(&self.brokers, main_class, heap_mb, quick_start)
    }
}

fn command_on(class_path: &str, main_class: &str, heap_mb: u32, quick_start: bool) -> Command {
    let mut command = Command::new("java");
    if quick_start {
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
    }
    command
        .arg(format!("-Xmx{heap_mb}m"))
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-Dorg.slf4j.simpleLogger.showDateTime=true")
        .arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")
        .arg("-cp")
        .arg(class_path)
        .arg(main_class);
    command
}

fn incomplete(output: &Path) -> LabError {
    LabError::Build { output: format!("Maven left no complete class path in {}", output.display()) }
}

/// The class path of brokers of another version, which Maven fetches the first time.
fn brokers(sources: &Path, root: &Path, version: &str) -> Result<String, LabError> {
    let file = root.join(format!("brokers-{version}.txt"));
    if complete(&file).is_none() {
        let mut maven = Command::new("mvn");
        maven
            .args(["-q", "-B", "dependency:build-classpath"])
            .arg(format!("-Dkafka.version={version}"))
            .arg(format!("-Dmdep.outputFile={}", file.display()))
            .current_dir(sources.join("broker"))
            .stdin(Stdio::null());
        run(maven)?;
    }
    complete(&file).ok_or_else(|| incomplete(&file))
}

/// Cargo's target directory of the running program: the place for what the lab builds.
pub fn target_directory() -> PathBuf {
    if let Some(directory) = std::env::var_os("CARGO_TARGET_DIR") {
        return PathBuf::from(directory);
    }
    let program = std::env::current_exe().unwrap_or_default();
    // Cargo puts this file into every target directory.
    let tagged = program.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").exists());
    tagged.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Path::to_path_buf)
}

fn build(sources: &Path, output: &Path) -> Result<(), LabError> {
    let java = Command::new("java").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    java.map_err(|source| LabError::MissingTool {
        tool: "java",
        needs: "a Java development kit, version 17 or later",
        package: "openjdk-17-jdk-headless",
        source,
    })?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-q", "-B", "package", "dependency:build-classpath"])
        .arg(format!("-Dmdep.outputFile={}", output.join("classpath.txt").display()))
        .arg(format!("-Dlab.output={}", output.display()))
        .current_dir(sources)
        .stdin(Stdio::null());
    run(maven)
}

fn run(mut maven: Command) -> Result<(), LabError> {
    let done = maven.output().map_err(|source| LabError::MissingTool {
        tool: "mvn",
        needs: "Apache Maven, version 3.8 or later",
        package: "maven",
        source,
    })?;
    if done.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&done.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&done.stderr));
    Err(LabError::Build { output: tail(&text, 60) })
}

/// The class path of a complete build; none when a part of it is gone.
fn built(output: &Path) -> Option<String> {
    let jar = output.join("kafka-lab.jar");
    let dependencies = complete(&output.join("classpath.txt"))?;
    jar.exists().then(|| format!("{}:{dependencies}", jar.display()))
}

/// The class path in a file; none when a part of it is gone.
fn complete(file: &Path) -> Option<String> {
    let dependencies = fs::read_to_string(file).ok()?;
    let dependencies = dependencies.trim();
    let complete = !dependencies.is_empty() && dependencies.split(':').all(|part| Path::new(part).exists());
    complete.then(|| dependencies.to_owned())
}

fn fingerprint(sources: &Path) -> Result<u64, LabError> {
    let mut files = vec![sources.join("pom.xml")];
    collect(&sources.join("src"), &mut files)
        .map_err(LabError::io(format!("listing {}", sources.display())))?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(sources).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).map_err(LabError::io(format!("reading {}", file.display())))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}
