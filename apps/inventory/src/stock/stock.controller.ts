import { Controller, Get, HttpCode, Put } from '@nestjs/common';
import { NotFoundError, ValidatedBody, ValidatedParam } from '@rookery/platform';
import { Scopes } from '@rookery/security';
import { PutArticle, Sku } from './stock.dto.js';
import { Stock, type Article } from './stock.repository.js';

interface ArticleView {
  sku: string;
  name: string;
  unitPrice: number;
  currency: string;
  available: number;
}

@Controller('inventory/stock')
export class StockController {
  constructor(private readonly stock: Stock) {}

  @Get()
  @Scopes('inventory:read')
  async all(): Promise<ArticleView[]> {
    return (await this.stock.all()).map(view);
  }

  @Get(':sku')
  @Scopes('inventory:read')
  async one(@ValidatedParam('sku', Sku) sku: string): Promise<ArticleView> {
    const article = await this.stock.find(sku);
    if (article === undefined) throw new NotFoundError('article', sku);
    return view(article);
  }

  @Put(':sku')
  @HttpCode(204)
  @Scopes('inventory:write')
  async put(
    @ValidatedParam('sku', Sku) sku: string,
    @ValidatedBody(PutArticle) article: PutArticle,
  ): Promise<void> {
    const { unitPrice, ...rest } = article;
    await this.stock.put({ sku, unit_price: unitPrice, ...rest });
  }
}

function view({ sku, name, unit_price, currency, available }: Article): ArticleView {
  return { sku, name, unitPrice: unit_price, currency, available };
}
