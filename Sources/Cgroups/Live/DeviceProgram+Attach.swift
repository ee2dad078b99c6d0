// Loads a device program and attaches it to a cgroup, replacing an older one.

internal import CLinux
internal import Glibc
internal import Kernel

extension DeviceProgram {
    /// Attaches the program to a cgroup v2 directory; existing programs are detached after that.
    /// - Parameters:
    ///   - directory: an open descriptor of the cgroup.
    ///   - isNew: the cgroup was just created, so there is nothing to replace.
    func attach(to directory: Int32, isNew: Bool) throws(Errno) {
        let program = try load()
        let old = isNew ? [] : try Self.attached(to: directory)
        if old.count == 1, try replace(old[0], by: program.rawValue, at: directory) { return }
        try attach(program.rawValue, to: directory)
        for id in old { try Self.detach(id, from: directory) }
    }

    /// Detaches all programs from a cgroup.
    static func detachAll(from directory: Int32) throws(Errno) {
        for id in try attached(to: directory) { try detach(id, from: directory) }
    }

    private static let cgroupDevice: UInt32 = 6  // BPF_CGROUP_DEVICE
    private static let allowMulti: UInt32 = 2  // BPF_F_ALLOW_MULTI
    private static let replaceOne: UInt32 = 4  // BPF_F_REPLACE

    /// The beginning of `union bpf_attr` for BPF_PROG_LOAD.
    private struct LoadAttributes {
        var programType: UInt32 = 15  // BPF_PROG_TYPE_CGROUP_DEVICE
        var count: UInt32 = 0
        var instructions: UInt64 = 0
        var licence: UInt64 = 0
        var logLevel: UInt32 = 0
        var logSize: UInt32 = 0
        var log: UInt64 = 0
        var kernelVersion: UInt32 = 0
        var flags: UInt32 = 0
    }

    /// The beginning of `union bpf_attr` for BPF_PROG_ATTACH and BPF_PROG_DETACH.
    private struct AttachAttributes {
        var directory: Int32 = 0
        var program: Int32 = 0
        var type: UInt32 = DeviceProgram.cgroupDevice
        var flags: UInt32 = 0
        var replaced: Int32 = 0
        var padding: UInt32 = 0
    }

    /// The beginning of `union bpf_attr` for BPF_PROG_QUERY.
    private struct QueryAttributes {
        var directory: Int32 = 0
        var type: UInt32 = DeviceProgram.cgroupDevice
        var queryFlags: UInt32 = 0
        var attachFlags: UInt32 = 0
        var ids: UInt64 = 0
        var count: UInt32 = 0
        var padding: UInt32 = 0
    }

    private func load() throws(Errno) -> OwnedDescriptor {
        do throws(Errno) {
            return try loadOnce()
        } catch Errno.notPermitted {
            // Before Linux 5.11 programs count as locked memory.
            var soft: UInt64 = 0
            var hard: UInt64 = 0
            let memlock: Int32 = 8  // RLIMIT_MEMLOCK
            guard clinux_getrlimit(0, memlock, &soft, &hard) == 0, clinux_prlimit(0, memlock, .max, .max) == 0 else {
                throw .notPermitted
            }
            defer { _ = clinux_prlimit(0, memlock, soft, hard) }
            return try loadOnce()
        }
    }

    private func loadOnce() throws(Errno) -> OwnedDescriptor {
        let code = instructions.map { $0.encoded }
        var number: Int32 = -1
        var failure = Errno(rawValue: 0)
        code.withUnsafeBufferPointer { code in
            "Apache-2.0".withCString { licence in
                var attributes = LoadAttributes()
                attributes.count = UInt32(code.count)
                attributes.instructions = UInt64(UInt(bitPattern: code.baseAddress))
                attributes.licence = UInt64(UInt(bitPattern: licence))
                do throws(Errno) { number = try Self.bpf(5, &attributes) } catch { failure = error }
            }
        }
        guard number >= 0 else { throw failure }
        return OwnedDescriptor(adopting: number)
    }

    private func attach(_ program: Int32, to directory: Int32) throws(Errno) {
        var attributes = AttachAttributes(directory: directory, program: program, flags: Self.allowMulti)
        try Self.bpf(8, &attributes)
    }

    /// Replaces a program in place; false if the kernel cannot do that (before Linux 5.6).
    private func replace(_ id: UInt32, by program: Int32, at directory: Int32) throws(Errno) -> Bool {
        let old = try Self.program(id)
        var attributes = AttachAttributes(
            directory: directory, program: program, flags: Self.allowMulti | Self.replaceOne, replaced: old.rawValue)
        do throws(Errno) {
            try Self.bpf(8, &attributes)
            return true
        } catch Errno.invalidArgument {
            return false
        }
    }

    private static func detach(_ id: UInt32, from directory: Int32) throws(Errno) {
        let program = try program(id)
        var attributes = AttachAttributes(directory: directory, program: program.rawValue)
        try bpf(9, &attributes)
    }

    /// The ids of the programs that are attached to the cgroup itself.
    private static func attached(to directory: Int32) throws(Errno) -> [UInt32] {
        var ids = [UInt32](repeating: 0, count: 64)
        var attributes = QueryAttributes(directory: directory, count: UInt32(ids.count))
        var failure: Errno?
        ids.withUnsafeMutableBufferPointer { buffer in
            attributes.ids = UInt64(UInt(bitPattern: buffer.baseAddress))
            do throws(Errno) { try bpf(16, &attributes) } catch { failure = error }
        }
        if let failure { throw failure }
        return Array(ids.prefix(Int(attributes.count)))
    }

    private static func program(_ id: UInt32) throws(Errno) -> OwnedDescriptor {
        var attributes: (UInt32, UInt32, UInt32) = (id, 0, 0)
        return OwnedDescriptor(adopting: try bpf(13, &attributes))
    }

    /// bpf(2).
    @discardableResult
    private static func bpf<Attributes>(_ command: Int32, _ attributes: inout Attributes) throws(Errno) -> Int32 {
        let size = UInt32(MemoryLayout<Attributes>.size)
        var failure: Errno?
        var result: Int32 = -1
        withUnsafeMutableBytes(of: &attributes) { bytes in
            do throws(Errno) { result = try checked { clinux_bpf(command, bytes.baseAddress, size) } } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return result
    }
}
