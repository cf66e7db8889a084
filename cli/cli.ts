// The process of the `suanli` program: one command line, one exit code.
import { runCommandLine } from './commandLine.ts'

process.exit(await runCommandLine(process.argv))
