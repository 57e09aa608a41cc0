local s = require 'sets' return require '../x'
