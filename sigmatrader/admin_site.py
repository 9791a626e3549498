"""The admin under the product's own name."""

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig


class SigmaTraderAdminSite(admin.AdminSite):
    site_header = "SigmaTrader admin"
    site_title = "SigmaTrader"
    index_title = "Strategies, risk settings, connections and the records"
    enable_nav_sidebar = True


class SigmaTraderAdminConfig(AdminConfig):
    default_site = "sigmatrader.admin_site.SigmaTraderAdminSite"
