// Enforces a device policy.

internal import Glibc
internal import Kernel

extension Cgroup {
    /// Enforces a device policy.
    /// - Parameter isNew: the whole paths of directories that were just created, so that no rule was ever set in
    /// them.
    func apply(
        _ policy: DevicePolicy, _ open: borrowing OpenCgroup, isNew: Set<String>
    ) throws(CgroupFailure) {
        guard let index = index(of: "devices") else {
            if location.hierarchy != .unified, !policy.allowsEverything, !policy.mayBeRefused {
                throw CgroupFailure(
                    .unavailable, "linux.resources.devices: the host has no devices cgroup controller")
            }
            return
        }
        let directory = location.directories[index]
        let number = open.descriptors[index]
        let isNew = isNew.contains(directory.fullPath)
        if directory.isUnified {
            try applyUnified(policy, number, directory, isNew: isNew)
        } else {
            try applyLegacy(policy, number, directory, isNew: isNew)
        }
    }

    /// - Parameter number: an open descriptor of the directory; one of `O_PATH` will do.
    func applyUnified(
        _ policy: DevicePolicy, _ number: Int32, _ directory: CgroupDirectory, isNew: Bool
    ) throws(CgroupFailure) {
        do throws(Errno) {
            if !policy.allowsEverything {
                try DeviceProgram(policy).attach(to: number, isNew: isNew)
            } else if !isNew {
                try DeviceProgram.detachAll(from: number)
            }
        } catch {
            let lacksRights = error == .notPermitted || error == .permissionDenied
            if lacksRights, policy.mayBeRefused { return }
            if error.rawValue == E2BIG {
                throw CgroupFailure(
                    .refused,
                    "linux.resources.devices: \(policy.rules.count) rules are more than the kernel takes as one program",
                    code: error)
            }
            throw CgroupFailure(
                "linux.resources.devices: attach the device program to cgroup \(directory.fullPath)", error)
        }
    }

    private func applyLegacy(
        _ policy: DevicePolicy, _ number: Int32, _ directory: CgroupDirectory, isNew: Bool
    ) throws(CgroupFailure) {
        let wanted = try LegacyDevices(policy)
        // A new directory starts with its parent's rules and can never allow more.
        if isNew, policy.allowsEverything { return }
        let current = isNew ? nil : (try? readText("devices.list", at: number)).flatMap(LegacyDevices.init(list:))
        var file = ""
        var opened: OwnedDescriptor?
        for transition in wanted.transitions(from: current) {
            do throws(Errno) {
                let wanted = transition.allow ? "devices.allow" : "devices.deny"
                if file != wanted {
                    file = wanted
                    opened = try OwnedDescriptor.open(file, .writeOnly, at: number)
                }
                try write(transition.text, opened)
            } catch {
                if policy.mayBeRefused, error == .notPermitted || error == .permissionDenied { return }
                throw CgroupFailure(
                    "linux.resources.devices: write \"\(transition.text)\" to \(directory.fullPath)/\(file)", error)
            }
        }
    }

    private func write(_ text: String, _ opened: borrowing OwnedDescriptor?) throws(Errno) {
        switch opened {
        case .some(let file): try writeAll(text.utf8, to: file.rawValue)
        case .none: throw .badFileDescriptor
        }
    }
}
