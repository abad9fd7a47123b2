// What k6 gives every script and @types/k6 does not declare.
declare const console: Record<'debug' | 'error' | 'info' | 'log' | 'warn', (...message: unknown[]) => void>;
