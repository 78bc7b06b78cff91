//! Detection and code objects: real processes, looked at from outside.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use firetower::model::{Pid, Reason};
use firetower::native::elf::{Elf, ElfFile, SymbolTable};
use firetower::process::memory::{LiveMemory, Memory, MemoryError};
use firetower::python::Interpreter;
use firetower::python::code::{Code, CodeError};
use firetower::python::detect::Outcome;
use firetower_ebpf::abi::{ABSENT, PyLayout, flags};

use crate::pythons::{Process, python, supported};
use crate::target::{Target, examine, fingerprint};

/// The reason and the words of an outcome that must be broken.
pub fn broken(outcome: Outcome) -> (Reason, String) {
    match outcome {
        Outcome::Broken { reason, detail } => (reason, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_version_is_recognised_and_its_code_objects_read_as_they_are() {
    for minor in supported() {
        let target = Target::start(&mut Command::new(python(&minor)));
        let (memory, interpreter) = (target.memory(), target.interpreter());
        let version = interpreter.version.to_string();
        assert!(version == target.version || version == minor, "{version} is {}", target.version);
        assert_eq!(version == minor, interpreter.version.micro.is_none());
        assert!(target.codes.len() >= 7, "{minor}");
        for said in &target.codes {
            let fingerprint = fingerprint(&memory, &interpreter.objects, said.address);
            let code = Code::read(&memory, &interpreter.objects, said.address, fingerprint)
                .unwrap_or_else(|error| panic!("Python {minor}: {}: {error}", said.name));
            assert_eq!(*code.name, cut(&said.name), "Python {minor}");
            assert_eq!(*code.file, cut(&said.file), "Python {minor}");
            assert_eq!(code.first_line, said.first_line, "Python {minor}");
            assert_eq!(*code.line_table.bytes, said.line_table, "Python {minor}");
            assert_eq!(code.line_at(-1), said.first_line, "Python {minor}");
        }
    }
}

/// At most 4096 characters, and a mark where there were more.
fn cut(text: &str) -> String {
    match text.char_indices().nth(4096) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[test]
fn a_code_object_with_another_fingerprint_is_replaced_and_other_memory_is_unreadable() {
    for minor in supported() {
        let mut target = Target::start(&mut Command::new(python(&minor)));
        let (memory, Interpreter { objects, .. }) = (target.memory(), target.interpreter());
        let code = target.codes[0].address;
        let right = fingerprint(&memory, &objects, code);
        let read = |address, fingerprint| Code::read(&memory, &objects, address, fingerprint);
        assert_eq!(read(code, !right), Err(CodeError::Replaced), "Python {minor}");

        // Another object, with a fingerprint that fits, if what would be its name leads anywhere.
        let string = memory.read_u64(code + u64::from(objects.code.filename)).unwrap();
        let error = match Code::fingerprint(&memory, &objects, string) {
            Ok(fits) => read(string, fits).unwrap_err(),
            Err(_) => CodeError::Unreadable("its name".to_owned()),
        };
        assert_eq!(error.reason(), Reason::CodeUnreadable, "Python {minor}: {error}");
        let error = read(8, right).unwrap_err();
        assert_eq!(error.reason(), Reason::CodeUnreadable, "Python {minor}: {error}");

        target.process.kill();
        assert_eq!(read(code, right), Err(CodeError::Gone), "Python {minor}");
    }
}

/// Walks from the runtime to the thread with this ident, as the kernel side does it.
pub fn find_thread(memory: &dyn Memory, interpreter: &Interpreter, ident: u64) -> u64 {
    let layout = &interpreter.layout;
    let follow = |base: u64, offset: u32| memory.read_u64(base + u64::from(offset)).expect("a pointer");
    let mut interp = follow(interpreter.runtime, layout.runtime_interpreters_head);
    while interp != 0 {
        let mut tstate = follow(interp, layout.interp_threads_head);
        let mut others = 0;
        while tstate != 0 {
            if follow(tstate, layout.tstate_thread_id) == ident {
                assert!(others > 0, "the other thread is newer, and before the main thread in the list");
                return tstate;
            }
            others += 1;
            tstate = follow(tstate, layout.tstate_next);
        }
        interp = follow(interp, layout.interp_next);
    }
    panic!("no thread state has the ident {ident:#x}");
}

/// The frames of a thread state that run Python code, leaf first: name and line; and how many entries from C were
/// marked on the way.
pub fn walk(memory: &dyn Memory, interpreter: &Interpreter, tstate: u64) -> (Vec<(String, u32)>, usize) {
    let layout = &interpreter.layout;
    let follow = |base: u64, offset: u32| memory.read_u64(base + u64::from(offset)).expect("a pointer");
    let mut frame = follow(tstate, layout.tstate_frame);
    if layout.cframe_current_frame != ABSENT {
        frame = follow(frame, layout.cframe_current_frame);
    }
    let (mut frames, mut entries, mut after_shim) = (Vec::new(), 0, false);
    while frame != 0 {
        let owner = match layout.frame_owner {
            ABSENT => 0,
            offset => memory.read_bytes(frame + u64::from(offset), 1, 1).expect("an owner")[0],
        };
        let shim = layout.owner_shim != ABSENT && u32::from(owner) >= layout.owner_shim;
        let marked = layout.flags & flags::OWNER_IS_ENTRY != 0 && owner == 1;
        // Shims may follow each other: from 3.15 each thread starts with one.
        entries +=
            usize::from((shim && !after_shim) || marked || layout.flags & flags::EVERY_FRAME_IS_ENTRY != 0);
        after_shim = shim;
        if !shim {
            let tag = if layout.flags & flags::CODE_IS_TAGGED != 0 { 7 } else { 0 };
            let address = follow(frame, layout.frame_code) & !tag;
            let instr = instruction(memory, layout, frame, address);
            let fingerprint = fingerprint(memory, &interpreter.objects, address);
            let code = Code::read(memory, &interpreter.objects, address, fingerprint).expect("a code object");
            frames.push((code.name.to_string(), code.line_at(instr)));
        }
        frame = follow(frame, layout.frame_previous);
    }
    (frames, entries)
}

/// Bytes from the first instruction of `code` to the one that `frame` runs.
fn instruction(memory: &dyn Memory, layout: &PyLayout, frame: u64, code: u64) -> i32 {
    let follow = |base: u64, offset: u32| memory.read_u64(base + u64::from(offset)).expect("a pointer");
    let int = |base: u64, offset: u32| memory.read_u32(base + u64::from(offset)).expect("an int") as i32;
    if layout.flags & flags::INSTR_IS_POINTER == 0 {
        let units = if layout.flags & flags::INSTR_IN_CODE_UNITS != 0 { 2 } else { 1 };
        return int(frame, layout.frame_instr) * units;
    }
    let copy = if layout.code_tlbc == ABSENT { 0 } else { int(frame, layout.frame_tlbc_index) };
    let first = if copy == 0 {
        code + u64::from(layout.code_instructions)
    } else {
        // `_PyCodeArray`: how many there are, then the pointers.
        follow(follow(code, layout.code_tlbc) + 8 * copy as u64, 8)
    };
    follow(frame, layout.frame_instr).wrapping_sub(first) as i32
}

#[test]
fn the_layout_leads_to_the_main_threads_frames_and_their_lines() {
    for minor in supported() {
        let target = Target::start(&mut Command::new(python(&minor)));
        let (memory, interpreter) = (target.memory(), target.interpreter());
        let tstate = find_thread(&memory, &interpreter, target.ident);
        let (frames, entries) = walk(&memory, &interpreter, tstate);
        assert_eq!(frames, target.frames, "Python {minor}");
        assert_eq!(entries, 2, "Python {minor}: the module is called by C, and so is the key of sorted()");
        if interpreter.layout.tstate_datastack_top != ABSENT {
            let chunk =
                memory.read_u64(tstate + u64::from(interpreter.layout.tstate_datastack_chunk)).unwrap();
            let top = memory.read_u64(tstate + u64::from(interpreter.layout.tstate_datastack_top)).unwrap();
            assert!((chunk..chunk + (1 << 20)).contains(&top), "Python {minor}: {chunk:#x} {top:#x}");
        }
    }
}

/// Copies an interpreter's library to where the loader finds it first, so that it can be changed.
fn with_own_library(minor: &str, directory: &Path) -> (Command, PathBuf) {
    let python = python(minor);
    let lib = python.parent().and_then(Path::parent).expect("bin/python").join("lib");
    // With the flags of its ABI up to 3.7: `libpython3.6m.so.1.0`.
    let names = ["", "m"].map(|flags| format!("libpython{minor}{flags}.so.1.0"));
    let name = names.iter().find(|name| lib.join(name).exists()).expect("a shared build of Python");
    let library = directory.join(name);
    fs::copy(lib.join(name), &library).expect("it can be copied");
    fs::set_permissions(&library, fs::Permissions::from_mode(0o755)).expect("a file of our own");
    let mut command = Command::new(python);
    command.env("LD_LIBRARY_PATH", directory);
    (command, library)
}

#[test]
fn a_library_that_was_deleted_and_replaced_is_read_as_it_was_mapped() {
    let directory = tempfile::tempdir().unwrap();
    let (mut command, library) = with_own_library("3.11", directory.path());
    let target = Target::start(&mut command);
    fs::remove_file(&library).unwrap();
    fs::write(&library, "another file").unwrap();
    let interpreter = target.interpreter();
    assert_eq!(interpreter.file, library);
    assert_eq!(interpreter.version.to_string(), target.version);
}

/// Examines as an agent that may read processes but not use `/proc/PID/map_files`.
fn examine_without_map_files(pid: Pid) -> Outcome {
    // Capabilities belong to the thread: the other tests keep theirs.
    let examined = std::thread::spawn(move || {
        for capability in [caps::Capability::CAP_SYS_ADMIN, caps::Capability::CAP_CHECKPOINT_RESTORE] {
            caps::drop(None, caps::CapSet::Effective, capability).expect("capabilities can be dropped");
        }
        examine(pid)
    });
    examined.join().expect("no panic")
}

#[test]
fn without_the_right_to_use_map_files_a_file_is_read_by_its_path_unless_it_was_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (mut command, library) = with_own_library("3.12", directory.path());
    let target = Target::start(&mut command);
    let outcome = examine_without_map_files(target.process.pid());
    assert!(matches!(outcome, Outcome::Python(_)), "{outcome:?}");

    fs::remove_file(&library).unwrap();
    fs::write(&library, "another file").unwrap();
    let (reason, detail) = broken(examine_without_map_files(target.process.pid()));
    assert_eq!(reason, Reason::InterpreterUnreadable);
    assert!(detail.contains("libpython3.12.so.1.0") && detail.contains("replaced"), "{detail}");
}

#[test]
fn a_library_that_only_the_process_can_see_is_found_in_its_mount_namespace() {
    let directory = tempfile::tempdir().unwrap();
    let (_, library) = with_own_library("3.13", directory.path());
    let hidden = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs tmpfs "$1" && cp "$0" "$1" && exec "$2" "$3""#;
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]);
    command.arg(&library).arg(hidden.path()).arg(python("3.13")).env("LD_LIBRARY_PATH", hidden.path());
    let target = Target::start(&mut command);
    assert!(!hidden.path().join("libpython3.13.so.1.0").exists(), "it is visible from here");
    for outcome in [examine(target.process.pid()), examine_without_map_files(target.process.pid())] {
        let Outcome::Python(interpreter) = outcome else { panic!("{outcome:?}") };
        assert_eq!(interpreter.version.to_string(), target.version);
    }
}

/// The thread that `target` says is the main one is found, and its frames are.
pub fn check_frames(target: &Target) {
    let (memory, interpreter) = (target.memory(), target.interpreter());
    let tstate = find_thread(&memory, &interpreter, target.ident);
    assert_eq!(walk(&memory, &interpreter, tstate).0, target.frames, "{}", target.version);
}

#[test]
fn a_stripped_library_is_read_by_the_instructions_that_lead_to_its_interpreters() {
    for minor in ["2.7", "3.6"] {
        let directory = tempfile::tempdir().unwrap();
        let (mut command, library) = with_own_library(minor, directory.path());
        assert!(Command::new("strip").arg(&library).status().expect("binutils' strip").success());
        let target = Target::start(&mut command);
        assert_eq!(target.interpreter().file, library);
        check_frames(&target);
    }
}

#[test]
fn a_stripped_library_whose_instructions_are_others_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (mut command, library) = with_own_library("2.7", directory.path());
    assert!(Command::new("strip").arg(&library).status().expect("binutils' strip").success());
    let function = {
        let file = ElfFile::new(fs::File::open(&library).unwrap());
        let elf = Elf::parse(&file).expect("an ELF file");
        let [function] = elf.symbols(SymbolTable::Dynamic, ["PyInterpreterState_Head"]).expect("symbols");
        let address = function.expect("it is exported").address;
        let segment = elf.segments().iter().find(|segment| segment.executable).expect("code");
        address - segment.address + segment.offset
    };
    // nop; the function is not called by anyone.
    let file = fs::OpenOptions::new().write(true).open(&library).unwrap();
    file.write_all_at(&[0x90], function).unwrap();
    let target = Target::start(&mut command);
    let (reason, detail) = broken(examine(target.process.pid()));
    assert_eq!(reason, Reason::InterpreterUnreadable);
    assert!(detail.contains("CPython 2.7") && detail.contains("interp_head"), "{detail}");
}

#[test]
fn a_python_that_is_not_in_the_table_is_unsupported_by_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("python.c");
    // What firetower goes by in a Python from 3.11 on; 3.199.7 final, to be.
    let program = "#include <stdio.h>\nunsigned long _PyRuntime[64];\nconst unsigned long Py_Version = 0x03c707f0;\n\
                   void Py_Initialize(void) {}\nint main(void) { puts(\"READY\"); fflush(stdout); getchar(); }\n";
    fs::write(&source, program).unwrap();
    let executable = directory.path().join("python");
    let built = Command::new("cc").arg("-rdynamic").arg(&source).arg("-o").arg(&executable).status();
    assert!(built.expect("the C compiler that Rust links with").success());
    let mut process = Process::start(&mut Command::new(&executable));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let (reason, detail) = broken(examine(process.pid()));
    assert_eq!(reason, Reason::UnsupportedPython);
    assert!(detail.contains("CPython 3.199.7"), "{detail}");
}

#[test]
fn a_python_that_is_being_started_is_not_yet_python() {
    for minor in supported() {
        let mut command = Command::new(python(&minor));
        // SAFETY: between fork and exec only a system call. The child stops at its exec, before its first
        // instruction: nothing but the executable and the loader is mapped.
        unsafe {
            command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
        let process = Process::start(&mut command);
        wait_until_stopped(process.pid());
        match examine(process.pid()) {
            Outcome::NotYet => {}
            // A static build is there from the start.
            Outcome::Python(interpreter) => {
                assert_eq!(interpreter.file, python(&minor).canonicalize().unwrap())
            }
            outcome => panic!("Python {minor}: {outcome:?}"),
        }
    }
}

/// Waits for a traced child to stop, without reaping it.
fn wait_until_stopped(pid: Pid) {
    // SAFETY: siginfo_t is plain data, valid as zeros, and waitid writes into it.
    let result = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid.0, &mut info, libc::WSTOPPED | libc::WNOWAIT | libc::WEXITED)
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

#[test]
fn a_process_that_is_no_python_is_not_python() {
    let process = Process::start(Command::new("sleep").arg("600"));
    let outcome = examine(process.pid());
    assert!(matches!(outcome, Outcome::NotPython), "{outcome:?}");
}

#[test]
fn a_kernel_thread_is_not_python() {
    let pid =
        kernel_thread().expect("a kernel thread is visible: the tests run in the initial pid namespace");
    let outcome = examine(pid);
    assert!(matches!(outcome, Outcome::NotPython), "{outcome:?}");
}

/// Any process with the flag `PF_KTHREAD`, the ninth field of proc_pid_stat(5).
fn kernel_thread() -> Option<Pid> {
    fs::read_dir("/proc").expect("/proc is mounted").filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let flags: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(6)?.parse().ok()?;
        (flags & 0x0020_0000 != 0).then_some(Pid(pid))
    })
}

#[test]
fn a_process_that_is_gone_is_gone() {
    let mut process = Process::start(Command::new("sleep").arg("600"));
    process.kill();
    let (reason, detail) = broken(examine(process.pid()));
    assert_eq!(reason, Reason::ProcessExited, "{detail}");
    assert_eq!(LiveMemory::new(process.pid()).read_u64(4096), Err(MemoryError::Gone));
}

#[test]
fn a_process_that_may_not_be_read_says_what_is_needed() {
    let mut command = Command::new("sleep");
    command.arg("600");
    let own = fs::metadata("/proc/self").unwrap().uid();
    if own == 0 {
        command.uid(65_534).gid(65_534);
    }
    let process = Process::start(&mut command);
    let pid = if own == 0 { process.pid() } else { Pid(1) };
    // Capabilities belong to the thread: the other tests keep theirs.
    let examined = std::thread::spawn(move || {
        caps::clear(None, caps::CapSet::Effective).expect("capabilities can be dropped");
        (examine(pid), LiveMemory::new(pid).read_u64(4096))
    });
    let (outcome, memory) = examined.join().unwrap();
    assert_eq!(memory, Err(MemoryError::Denied));
    let (reason, detail) = broken(outcome);
    assert_eq!(reason, Reason::InterpreterUnreadable);
    assert!(detail.contains("CAP_SYS_PTRACE"), "{detail}");
}
