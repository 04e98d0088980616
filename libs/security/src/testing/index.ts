export { TokenMaker, type TokenMakerOptions, type TokenRequest } from './token-maker.js';
