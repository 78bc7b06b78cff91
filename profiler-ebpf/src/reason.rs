//! Why a sample has no whole, named Python stack: one enumeration, from the kernel to the flame graph.
//!
//! Every sample that fires is either attributed or counted under exactly one of these. The kernel side sets
//! those that it can know, the agent the rest; both count into the same metric and draw the same frame. This
//! module must not know how a reason is shown or where it is counted.

/// Defines [`Reason`] with its metric label and its sentence in one table, so that none can lack either.
macro_rules! reasons {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $label:literal, $text:literal; )+) => {
        /// The reason why a sample was not attributed to a whole, named Python stack.
        ///
        /// The discriminant is the code that crosses the kernel boundary; 0 is never a reason, it says
        /// "attributed".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $( $(#[doc = $doc])+ $name = $code, )+
        }

        impl Reason {
            /// Every reason, in the order of its code.
            pub const ALL: &'static [Reason] = &[ $( Reason::$name, )+ ];

            /// The reason with this code, or none if no reason has it (0 included).
            pub const fn from_code(code: u32) -> Option<Reason> {
                match code {
                    $( $code => Some(Reason::$name), )+
                    _ => None,
                }
            }

            /// The value of the Prometheus label `reason`: snake case, stable across releases.
            pub const fn label(self) -> &'static str {
                match self { $( Reason::$name => $label, )+ }
            }

            /// What a flame graph's frame says: lower case, no full stop.
            pub const fn text(self) -> &'static str {
                match self { $( Reason::$name => $text, )+ }
            }
        }
    };
}

reasons! {
    /// The first samples of a process: the agent has been told and has not yet said what it is.
    ProcessPending = 1, "process_pending", "process not examined yet";
    /// The process runs no Python interpreter that the agent can find.
    NotPython = 2, "not_python", "not a Python process";
    /// The process runs a Python of a version or build that firetower can't read.
    UnsupportedPython = 3, "unsupported_python", "unsupported Python version";
    /// An interpreter is there, but its runtime structures could not be found or read.
    InterpreterUnreadable = 4, "interpreter_unreadable", "interpreter not readable";
    /// The runtime has no interpreter (yet, or any more): Python is starting or has finalized.
    InterpreterNotRunning = 5, "interpreter_not_running", "interpreter starting or finalized";
    /// The thread has no thread state in any interpreter: it is not a Python thread.
    NotPythonThread = 6, "not_python_thread", "not a Python thread";
    /// The list of thread states was too long to search in one sample; the next one goes on from there.
    ThreadSearchUnfinished = 7, "thread_search_unfinished", "thread state not found yet";
    /// The thread has a thread state but executes no Python function.
    NoPythonFrame = 8, "no_python_frame", "no Python frame";
    /// A read of the process's memory faulted: paged out, unmapped, or a wild pointer.
    MemoryFault = 9, "memory_fault", "process memory not readable";
    /// The chain of frames contradicts itself: caught while it was being changed, or corrupt.
    InconsistentFrames = 10, "inconsistent_frames", "frame chain inconsistent";
    /// The kernel's table of processes is full.
    ProcessTableFull = 11, "process_table_full", "process table full";
    /// The ring buffer was full: the sample is lost.
    RingBufferFull = 12, "ring_buffer_full", "ring buffer full";
    /// The sample fired in a process that this run was not asked to watch.
    NotTarget = 13, "not_target", "not a target of this run";
    /// The kernel's idle task, which has no stack worth a name.
    Idle = 14, "idle", "idle";
    /// The process was gone before its code objects could be read.
    ProcessExited = 15, "process_exited", "process exited before its code was read";
    /// The code object was freed and its memory reused before it could be read.
    CodeReplaced = 16, "code_replaced", "code object replaced";
    /// The code object, or a string or table that it points to, could not be read or makes no sense.
    CodeUnreadable = 17, "code_unreadable", "code object not readable";
    /// The sample names a stack whose definition never arrived.
    StackUnknown = 18, "stack_unknown", "stack definition missing";
    /// A bounded table of the agent was full; the weight is kept, the stack is not.
    AgentTableFull = 19, "agent_table_full", "agent table full";
    /// The kernel side could not get at its own scratch memory or maps: a defect, counted rather than hidden.
    KernelSideFailed = 20, "kernel_side_failed", "eBPF program failed";
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_are_consecutive_and_lead_back_to_their_reason() {
        assert_eq!(Reason::from_code(0), None);
        for (index, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason as usize, index + 1);
            assert_eq!(Reason::from_code(reason as u32), Some(reason));
        }
        assert_eq!(Reason::from_code(Reason::ALL.len() as u32 + 1), None);
    }

    #[test]
    fn labels_are_distinct_snake_case() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert!(reason.label().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{reason:?}");
            assert!(Reason::ALL[..index].iter().all(|other| other.label() != reason.label()), "{reason:?}");
        }
    }
}
