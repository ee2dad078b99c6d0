// `list` and `ps`: the commands that print tables.

internal import ContainerRuntime
internal import Glibc
internal import OCISpec

extension Command {
    static let list = Command(
        name: "list", summary: "list containers", usage: "",
        options: [
            .value("format", "f", "table|json", "the form of the output (default table)"),
            .flag("quiet", "q", "print ids only"),
        ], arguments: 0...0
    ) { call throws(CommandError) in
        let format = call.options.given("format") ?? "table"
        guard format == "table" || format == "json" else {
            throw .failure(Failure(.invalid, "invalid format option: \(format) (table and json are known)"))
        }
        let states = try call.perform { () throws(Failure) in
            do throws(Failure) {
                return try call.runtime.states()
            } catch {
                // Nobody has made a container yet; a root that was named must be there.
                guard error.kind == .notFound, !call.hasExplicitRoot else { throw error }
                return []
            }
        }
        if call.options.has("quiet") {
            for state in states { try printLine(state.id) }
        } else if format == "json" {
            try printBytes(states.isEmpty ? Array("null".utf8) : states.json())
        } else {
            let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
            try printTable(
                [header]
                    + states.map { [$0.id, String($0.pid), $0.status, $0.bundle, $0.created ?? "", $0.owner ?? ""] })
        }
        return 0
    }

    // Columns are at least twelve wide and three apart, as scripts that cut at columns expect.
    private static func printTable(_ texts: [[String]]) throws(CommandError) {
        let rows = texts.map { $0.map { $0.printable } }
        let count = rows[0].count
        let widths = (0..<count).map { column in max(9, rows.map { $0[column].count }.max() ?? 0) + 3 }
        for row in rows {
            let cells = row.enumerated().map {
                $0.offset == count - 1 ? $0.element : $0.element.padded(to: widths[$0.offset])
            }
            try printLine(cells.joined())
        }
    }

    static let ps = Command(
        name: "ps", summary: "list the processes of a container", usage: "<container-id | bundle> [ps options]",
        options: [.value("format", "f", "table|json", "the form of the output (default table)")], arguments: 1...Int.max
    ) { call throws(CommandError) in
        let target = call.target()
        let format = call.options.given("format") ?? "table"
        guard format == "table" || format == "json" else {
            throw .failure(Failure(.invalid, "invalid format option: \(format) (table and json are known)"))
        }
        let pids = try call.perform { () throws(Failure) in try target.runtime.processes(id: target.id) }
        let options = Array(call.options.arguments.dropFirst())
        if format == "json" {
            try printBytes(pids.json() + [10])
        } else if !options.isEmpty {
            let lines = try call.perform { () throws(Failure) in
                try call.runtime.processTable(pids, options: options)
            }
            for line in lines { try printLine(line) }
        } else {
            try ProcessTable(rows: call.runtime.processTable(pids)).print()
        }
        return 0
    }
}

/// The table of `ps -ef`.
struct ProcessTable {
    let rows: [ProcessRow]

    func print() throws(CommandError) {
        var cells = [["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]]
        for row in rows {
            cells.append(
                [
                    row.user, String(row.pid), String(row.parent), String(row.cpuPercent), start(row.startTime),
                    row.terminal, duration(row.cpuSeconds), row.command,
                ].map { $0.printable })
        }
        let widths = (0..<8).map { column in cells.map { $0[column].count }.max() ?? 0 }
        let leftAligned = [0, 4, 5, 7]
        for line in cells {
            let text = line.enumerated().map { column, cell in
                if column == 7 { return cell }
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                return leftAligned.contains(column) ? cell + blanks : blanks + cell
            }
            try printLine(text.joined(separator: " "))
        }
    }

    private func start(_ seconds: Int) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        localtime_r(&moment, &parts)
        return two(Int(parts.tm_hour)) + ":" + two(Int(parts.tm_min))
    }

    private func duration(_ seconds: Int) -> String {
        two(seconds / 3600) + ":" + two(seconds / 60 % 60) + ":" + two(seconds % 60)
    }

    private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
