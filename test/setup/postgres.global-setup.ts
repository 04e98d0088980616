export { default } from '@rookery/testing/postgres-global-setup';
