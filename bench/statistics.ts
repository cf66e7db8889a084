// Percentiles and process figures for reports.
import { readFileSync } from 'node:fs'

/** The p-th percentile (0 to 100) by nearest rank; NaN without values. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil((p / 100) * sorted.length))
  return sorted[rank - 1]!
}

export interface ProcessFigures {
  /** CPU seconds so far, user and system. */
  readonly cpuSeconds: number
  /** Resident memory now and at its peak, MiB. */
  readonly rssMiB: number
  readonly rssPeakMiB: number
}

function figuresOf(pid: number): ProcessFigures {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  // Linux counts process time in hundredths of a second.
  return { cpuSeconds: ticks / 100, rssMiB: kib('VmRSS') / 1024, rssPeakMiB: kib('VmHWM') / 1024 }
}

/**
 * Sum of a process and its children (a package's launcher starts the real program as a child), from /proc.
 * Undefined without /proc or when the process has ended.
 */
export function processFigures(pid: number): ProcessFigures | undefined {
  try {
    const own = figuresOf(pid)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
    return children.reduce((sum, child) => {
      const figures = processFigures(Number(child))
      if (figures === undefined) return sum
      return {
        cpuSeconds: sum.cpuSeconds + figures.cpuSeconds,
        rssMiB: sum.rssMiB + figures.rssMiB,
        rssPeakMiB: sum.rssPeakMiB + figures.rssPeakMiB,
      }
    }, own)
  } catch {
    return undefined
  }
}
