import { css } from 'lit'

export const reservesSheet = css`
  .answer {
    display: grid;
    gap: var(--gap-4);
    padding-block: var(--gap-3) var(--gap-2);
  }
  .answer .verdict {
    color: var(--good);
  }
  .answer .verdict.short {
    color: var(--bad);
  }
  .answer .bar {
    height: 22px;
    border-radius: 6px;
  }
  .windows {
    display: grid;
    grid-auto-flow: column;
    grid-auto-columns: minmax(6px, 1fr);
    gap: 3px;
    height: 8.5rem;
    align-items: end;
  }
  .windows svg {
    width: 100%;
    height: 100%;
    border-radius: 3px;
    overflow: hidden;
  }
  .fill-free {
    fill: color-mix(in srgb, var(--plot-1) 32%, transparent);
  }
  .chart {
    min-height: 15rem;
  }
`
