// The conversation between the runtime and the process that it has cloned: the child sends numbers, the parent makes the text.

internal import CLinux
internal import Glibc
internal import Kernel

/// A message of the child; each is one packet on a socket pair.
///
///     child                        parent
///     mapIDs      ──────────────▶  writes uid_map and gid_map of the new user namespace
///                 ◀──────────────  proceed
///     adoptMe     ──────────────▶  has systemd put the child into its cgroup
///                 ◀──────────────  proceed
///     sibling     ── pidfd ─────▶  from the intermediate: it has cloned the init, which is the child from now on
///                 ◀──────────────  proceed, to the sibling
///     networkDue  ──────────────▶  moves network devices into the network namespace
///                 ◀──────────────  proceed
///     mountSource ──────────────▶  opens a source that takes the host's rights, or maps its ids
///                 ◀── mount fd ──  proceed
///     hooksDue    ──────────────▶  runs the prestart and createRuntime hooks
///                 ◀──────────────  proceed
///     terminal    ── master fd ─▶  sends it to the console socket, or keeps it
///     listener    ── filter fd ─▶  sends it to the seccomp agent
///                 ◀──────────────  proceed
///     rulePlace   ──────────────▶  remembers which file or directory a Landlock rule is for
///                 ◀──────────────  proceed
///     ready       ──────────────▶  sets limits, remembers the container
///                 ◀──────────────  proceed: create waits at the gate, run executes the program
///     failed      ──────────────▶  names the step of the plan and the kernel's error
///
/// The intermediate of exec may share the runtime's memory, so that the runtime learns the new pid from there. If the exec
/// process will ask nothing, the runtime answers it at once, and it finds the answer when it is ready.
///
/// The child's end closes when it no longer needs the parent: at the gate, or when the program is executed.
enum ChildMessage: UInt8 {
    case mapIDs = 1
    case adoptMe, hooksDue, terminal, listener, ready, failed, sibling, networkDue, mountSource
    /// For `mounts add` and `mounts remove`: the identity of a mount that is about to be attached, or was detached.
    case attaching, detached
    case rulePlace
    /// From an exec process: the numbers of Landlock rules that it has left out. There is no answer.
    case rulesLeftOut
    /// How long a step has taken, if the command has `--timings`. There is no answer.
    case timed
    /// HOME is `/`, because /etc/passwd cannot be read: the kernel's error. There is no answer.
    case homeUnknown
}

/// The parent's answer; at any other byte, and at the end of the conversation, the child exits.
let proceed: UInt8 = 0x70

/// A number in a message: four bytes, the least significant first.
func messageBytes(_ number: Int32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: UInt32(bitPattern: number) >> ($0 * 8)) }
}

/// The number in a message of five bytes.
func messageNumber(_ bytes: [UInt8]) -> Int32 {
    Int32(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[$1 + 1]) << ($1 * 8) })
}

/// A word in a message: eight bytes, the least significant first.
func messageBytes(_ word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }

/// The word that begins at a byte of a message, which must have eight from there.
func messageWord(_ bytes: [UInt8], at start: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << ($1 * 8) }
}
