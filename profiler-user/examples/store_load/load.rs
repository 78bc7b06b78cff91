//! A made-up day of busy Python services, window by window: the same for the same arguments.
//!
//! Each process has functions that call few others, each from a line of its own, and a tree of calls that grows from its
//! popular branches, as programs' stacks do: many stacks share long root ends and differ near their leaves, and a few of
//! them are most of what is seen (Zipf's law). As time goes by some paths are not taken any more and new ones are.
//!
//! The numbers below are such that ten minutes of it are like ten minutes of real programs, of which `BENCHMARKS.md` tells:
//! as many samples in a row, as many stacks, as many bytes a new stack. It must not know how anything is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use firetower::aggregate::{Window, WindowRow};
use firetower::model::{Frame, FrameKind, Labels, Pid, Series, StackId, Tid, Weight};

pub const SECOND: u64 = 1_000_000_000;
/// Seconds of a window.
pub const WINDOW: u64 = 10;
/// Processes, each of which uses one CPU.
pub const PROCESSES: usize = 8;
/// Threads of a process; one at a time runs Python.
const THREADS: usize = 2;
/// Different stacks, by line, that a process has at a time.
const STACKS: usize = 5000;
/// How much less often the next stack is seen than the one before: Zipf's exponent.
const EXPONENT: f64 = 1.2;
/// Of the stacks of a process, how many are replaced in a window: a tenth in an hour.
const REPLACED: f64 = STACKS as f64 / 10.0 / 360.0;
/// Frames of the server's loop and its framework, which all stacks of a process begin with.
const ROOT: usize = 14;
/// Most frames of a stack.
const DEEPEST: usize = 60;
/// Functions and files of a process.
const FUNCTIONS: usize = 600;
const FILES: usize = 80;
/// Lines of a function that call, each another function.
const CALLS: usize = 4;
/// Lines of a function that are seen being run themselves.
const LINES: usize = 8;

/// Numbers that look random (splitmix64).
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// Below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A function, and what it calls: from which line, and which function.
struct Function {
    frame: Frame,
    calls: [(u32, usize); CALLS],
}

/// A function that is on a stack, and the line of it that is run.
type Call = (usize, u32);

/// A service that runs.
struct Process {
    series: Vec<Series>,
    functions: Vec<Function>,
    /// By popularity; root first.
    stacks: Vec<Vec<Call>>,
    /// Replacements that are due.
    due: f64,
}

impl Process {
    fn new(number: usize, random: &mut Random) -> Process {
        let service = ["checkout", "search", "images", "mail"][number % 4];
        let labels = Arc::new(Labels {
            service: service.into(),
            unit: format!("{service}.service").into(),
            user: "app".into(),
            ..Labels::default()
        });
        let pid = 1200 + 37 * number as u32;
        let series = (0..THREADS).map(|thread| Series {
            pid: Pid(pid),
            command: format!("/usr/bin/python3 -m {service} --worker").into(),
            labels: labels.clone(),
            tid: Tid(pid + thread as u32),
            thread: if thread == 0 { "python3".into() } else { format!("worker-{thread}").into() },
            python: "3.12.4".into(),
            interpreter: Some(0),
        });
        let functions = (0..FUNCTIONS).map(|function| function_of(service, function, random));
        let functions = functions.collect();
        let mut process = Process { series: series.collect(), functions, stacks: Vec::new(), due: 0.0 };
        let root = (0..ROOT).map(|function| (function, process.functions[function].calls[0].0)).collect();
        process.stacks.push(root);
        while process.stacks.len() < STACKS {
            let stack = process.new_stack(random);
            process.stacks.push(stack);
        }
        process
    }

    /// A popular stack, left somewhere below its leaf for other calls.
    fn new_stack(&self, random: &mut Random) -> Vec<Call> {
        // The smaller of two: popular ones have more descendants.
        let from = random.below(self.stacks.len()).min(random.below(self.stacks.len()));
        let from = &self.stacks[from];
        // The root end is the server's loop, which is always the same.
        let kept = ROOT + random.below(from.len() - ROOT + 1);
        let mut stack = from[..kept].to_vec();
        for _ in 0..1 + random.below(8) {
            if stack.len() == DEEPEST {
                break;
            }
            let caller = stack.last_mut().expect("the root end");
            let (line, callee) = self.functions[caller.0].calls[random.below(CALLS)];
            caller.1 = line;
            stack.push((callee, 0));
        }
        let leaf = stack.last_mut().expect("the root end");
        leaf.1 = self.functions[leaf.0].frame.first_line + 1 + random.below(LINES) as u32;
        stack
    }

    /// The frames of a stack.
    fn frames(&self, stack: &[Call]) -> impl Iterator<Item = Frame> {
        stack.iter().map(|&(function, line)| Frame { line, ..self.functions[function].frame.clone() })
    }

    fn drift(&mut self, random: &mut Random) {
        self.due += REPLACED;
        while self.due >= 1.0 {
            self.due -= 1.0;
            let stack = self.new_stack(random);
            let at = 1 + random.below(self.stacks.len() - 1);
            self.stacks[at] = stack;
        }
    }
}

fn function_of(service: &str, function: usize, random: &mut Random) -> Function {
    let file = random.below(FILES);
    let package = ["site-packages/framework", "site-packages/orm", "json", "asyncio"][file % 4];
    let class = ["Service", "Query", "Encoder", "Task"][file % 4];
    let first_line = 1 + random.below(1500) as u32;
    let frame = Frame {
        kind: FrameKind::Python,
        function: format!("{class}.handle_{function}").into(),
        file: format!("/usr/lib/python3.12/{package}/{service}_{file}.py").into(),
        line: 0,
        first_line,
    };
    let mut call = || (first_line + 1 + random.below(25) as u32, random.below(FUNCTIONS));
    Function { frame, calls: std::array::from_fn(|_| call()) }
}

/// The services of a machine.
pub struct Load {
    processes: Vec<Process>,
    /// Up to which share of all samples the stacks of this rank or a smaller one are seen.
    shares: Vec<f64>,
    frequency: u64,
    random: Random,
    next: u64,
}

impl Load {
    /// From this time on, Unix nanoseconds, sampled so often a second.
    pub fn new(start: u64, frequency: u64) -> Load {
        let mut random = Random(1);
        let weights: Vec<f64> = (1..=STACKS).map(|rank| (rank as f64).powf(-EXPONENT)).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let shares = weights.iter().map(|weight| {
            sum += weight / total;
            sum
        });
        let shares = shares.collect();
        let processes = (0..PROCESSES).map(|number| Process::new(number, &mut random)).collect();
        Load { processes, shares, frequency, random, next: start }
    }

    /// The next window.
    pub fn window(&mut self) -> Window {
        let mut window = Window { start: self.next, length: WINDOW * SECOND, ..Window::default() };
        self.next += WINDOW * SECOND;
        let Load { processes, shares, random, .. } = self;
        for process in processes {
            let first = window.series.len() as u32;
            window.series.extend(process.series.iter().cloned());
            let mut counts: BTreeMap<(u32, StackId), u64> = BTreeMap::new();
            let mut interned = vec![None; STACKS];
            for _ in 0..self.frequency * WINDOW {
                let share = random.share();
                let rank = shares.partition_point(|&sum| sum < share).min(STACKS - 1);
                // The main thread only waits for its workers, mostly.
                let thread = if random.below(50) == 0 { 0 } else { 1 + random.below(THREADS - 1) };
                // Two ranks may have the same frames.
                let stack = *interned[rank].get_or_insert_with(|| {
                    let frames = process.frames(&process.stacks[rank]);
                    window.stacks.intern(frames).expect("a stack has a frame")
                });
                *counts.entry((first + thread as u32, stack)).or_default() += 1;
            }
            for ((series, stack), samples) in counts {
                let weight = Weight { samples, nanoseconds: samples * (SECOND / self.frequency) };
                window.rows.push(WindowRow { series, stack, weight });
            }
            process.drift(random);
        }
        window
    }
}
