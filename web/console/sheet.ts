import { css } from 'lit'

export const consoleSheet = css`
  .console {
    display: grid;
    gap: var(--gap-5);
    grid-template-columns: minmax(12rem, 17rem) minmax(0, 1fr);
    align-items: start;
  }
  .console > nav {
    position: sticky;
    top: var(--gap-4);
    display: grid;
    gap: var(--gap-3);
    min-width: 0;
  }
  .console .methods {
    max-height: min(70vh, 46rem);
    overflow: auto;
    border: 1px solid var(--line);
    border-radius: var(--round);
    background: var(--card);
  }
  .console .methods h2 {
    position: sticky;
    top: 0;
    padding: var(--gap-2) var(--gap-3);
    font-size: var(--text-s);
    font-weight: 500;
    color: var(--soft);
    background: var(--sunken);
  }
  .console .methods ul {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .console .methods a {
    display: block;
    padding: 0.3rem var(--gap-3);
    font-family: var(--mono);
    font-size: 0.82rem;
    color: inherit;
    text-decoration: none;
  }
  .console .methods a:hover {
    background: var(--sunken);
  }
  .console .methods a[aria-current] {
    background: var(--accent-wash);
    color: var(--accent);
    font-weight: 600;
  }
  .console .methods a:focus-visible {
    outline-offset: -2px;
  }
  @media (max-width: 52rem) {
    .console {
      grid-template-columns: minmax(0, 1fr);
    }
    .console > nav {
      position: static;
    }
    .console .methods {
      max-height: 14rem;
    }
  }
  .console form {
    display: grid;
    gap: var(--gap-4);
  }
  .console .field {
    display: grid;
    gap: var(--gap-1);
    min-width: 0;
  }
  .console .group {
    display: grid;
    gap: var(--gap-3);
    min-width: 0;
    margin: 0;
    padding: var(--gap-3);
    border: 1px solid var(--line);
    border-radius: var(--round-s);
  }
  .console .item {
    display: grid;
    gap: var(--gap-2);
    grid-template-columns: minmax(0, 1fr) auto;
    align-items: end;
  }
  @media (max-width: 40rem) {
    .console .group {
      padding: var(--gap-2);
    }
    .console .item {
      grid-template-columns: minmax(0, 1fr);
      justify-items: start;
    }
    .console .item > :first-child {
      width: 100%;
    }
  }
  .console textarea {
    min-height: 5rem;
    resize: vertical;
  }
  .console .answer {
    max-height: 36rem;
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .console .log {
    max-height: 30rem;
    overflow: auto;
    margin: 0;
    padding: 0;
    list-style: none;
    border: 1px solid var(--line);
    border-radius: var(--round-s);
    background: var(--sunken);
  }
  .console .log li {
    padding: var(--gap-2) var(--gap-3);
    border-top: 1px solid var(--line);
    font-family: var(--mono);
    font-size: 0.82rem;
    overflow-wrap: anywhere;
  }
  .console .log li:first-child {
    border-top: 0;
  }
`
