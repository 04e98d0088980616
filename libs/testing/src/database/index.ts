export { useDatabase, type SpecDatabase, type UseDatabaseOptions } from './use-database.js';
