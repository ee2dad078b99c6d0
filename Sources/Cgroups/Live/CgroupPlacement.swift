// How a new process enters the container's cgroup.

internal import Glibc

@usableFromInline func close(_ numbers: [Int32]) { for number in numbers { _ = Glibc.close(number) } }

/// How a new process enters the container's cgroup; several of these may be necessary together.
///
/// 1. Pass `cloneIntoDescriptor`, if present, to clone3 with `CLONE_INTO_CGROUP`.
/// 2. In the child, before any step that must be limited: ``enter(_:failed:)`` with `childWrites`.
/// 3. In the parent, if `needsAdoption`: ``Cgroup/adopt(_:plan:)`` with the child's pid, while the child waits.
@usableFromInline package struct CgroupPlacement: ~Copyable {
    /// The directory for clone3's `CLONE_INTO_CGROUP`; the kernel then starts the child in it. Open as long as this
    /// value exists.
    @usableFromInline package let cloneIntoDescriptor: Int32?
    /// Open files into which the child writes `0`; close-on-exec.
    @usableFromInline package let childWrites: [Int32]
    /// Whether the parent must have the child moved, because only the parent can request it.
    package let needsAdoption: Bool
    /// The directories that were really created: without rights, fewer than planned, or none.
    package let location: CgroupLocation
    /// A sentence for each planned directory that is missing.
    package let refusals: [String]
    /// Whether the device rules are still to be enforced, by ``Cgroup/enforceDevices(of:_:)``.
    package let lacksDevices: Bool
    /// Whether a directory was created, so that no device rule was ever set there.
    let isNew: Bool

    init(
        cloneInto: Int32? = nil, childWrites: [Int32] = [], needsAdoption: Bool = false,
        location: CgroupLocation, refusals: [String] = [], lacksDevices: Bool = false, isNew: Bool = false
    ) {
        self.cloneIntoDescriptor = cloneInto
        self.childWrites = childWrites
        self.needsAdoption = needsAdoption
        self.location = location
        self.refusals = refusals
        self.lacksDevices = lacksDevices
        self.isNew = isNew
    }

    // Swift without its runtime compiles this into each module that ends the life of one.
    @inlinable deinit {
        close(childWrites)
        if let number = cloneIntoDescriptor { close([number]) }
    }

    /// The child's part: moves the calling, single-threaded process. Allocates nothing.
    ///
    /// The files are `tasks`, not `cgroup.procs`: for a task that moves itself the kernel then does not take the lock
    /// that stops every fork and exit on the machine.
    /// - Returns: 0, or the kernel's error number and, in `failed`, the index in `childWrites`.
    package static func enter(_ childWrites: [Int32], failed: inout Int) -> Int32 {
        var zero = UInt8(ascii: "0")
        for (index, number) in childWrites.enumerated() where Glibc.write(number, &zero, 1) != 1 {
            failed = index
            return errno
        }
        return 0
    }
}
