import { css } from 'lit'

export const explorerSheet = css`
  .search {
    display: flex;
    gap: var(--gap-2);
  }
  .search input {
    flex: 1;
    min-width: 0;
  }
  .subject {
    font-size: clamp(1.25rem, 1rem + 1.4vw, 1.9rem);
    overflow-wrap: anywhere;
  }
  .whole {
    font-size: 0.8em;
    overflow-wrap: anywhere;
  }
  .pad {
    padding: 0 var(--gap-5) var(--gap-5);
  }
  .card:not(.flush) > .pad {
    padding: 0;
  }
  .links {
    display: flex;
    flex-wrap: wrap;
    gap: var(--gap-2) var(--gap-5);
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .events {
    display: grid;
    gap: var(--gap-4);
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .events > li + li {
    padding-top: var(--gap-4);
    border-top: 1px solid var(--line);
  }
  .timeline {
    display: grid;
    gap: var(--gap-3);
    margin: 0;
    padding: 0 0 0 var(--gap-4);
    list-style: none;
    border-inline-start: 2px solid var(--line);
  }
  .timeline > li {
    position: relative;
  }
  .timeline > li::before {
    content: '';
    position: absolute;
    inset-inline-start: calc(-1 * var(--gap-4) - 6px);
    top: 0.5em;
    width: 10px;
    height: 10px;
    border-radius: 50%;
    background: var(--accent);
  }
  .wrap {
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .address {
    overflow-wrap: anywhere;
  }
  dd > .address {
    white-space: normal;
  }
`
