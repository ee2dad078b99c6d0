// The processes below an init, which are those that CRIU writes down and makes anew.

internal import CLinux
internal import Glibc
internal import Kernel

/// A process and all its descendants, by /proc/PID/task/TID/children. proc(5).
func descendants(of pid: Int32) -> [Int32] {
    var result = [pid]
    var known: Set<Int32> = [pid]
    var index = 0
    while index < result.count {
        let parent = result[index]
        index += 1
        guard let directory = try? OwnedDescriptor.open("/proc/\(parent)/task", .directory),
            let tasks = try? directoryEntries(directory.rawValue)
        else { continue }
        for task in tasks where Int32(task.name) != nil {
            guard let text = try? readText("\(task.name)/children", at: directory.rawValue) else { continue }
            for child in text.split(separator: " ").compactMap({ Int32($0) }) where known.insert(child).inserted {
                result.append(child)
            }
        }
    }
    return result
}
